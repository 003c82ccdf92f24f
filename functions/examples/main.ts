/** `npm run example -- NAME FOLDER`: runs a worked example on a folder of data. */

import { parseArgs } from 'node:util';
import { toChiasmError } from '#shared/core/errors.ts';
import { chestXray } from './chest-xray.ts';
import { composeWorkbench } from './compose.ts';
import { driving } from './driving.ts';
import type { Example } from './example.ts';
import { heartBeats } from './heart-beats.ts';
import { products } from './products.ts';
import { sounds } from './sounds.ts';

const EXAMPLES: Readonly<Record<string, Example>> = {
  products,
  'chest-xray': chestXray,
  'heart-beats': heartBeats,
  sounds,
  driving,
};

const HELP = `npm run example -- NAME FOLDER [--model NAME|DIR] [--data DIR]

${Object.entries(EXAMPLES)
  .map(([name, { expects }]) => `  ${name.padEnd(12)} ${expects}`)
  .join('\n')}
`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: 'string', default: 'starter' },
      data: { type: 'string', default: '.chiasm' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name = '', folder] = positionals;
  const example = EXAMPLES[name];
  if (values.help || example === undefined || folder === undefined) {
    process.stdout.write(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const bench = await composeWorkbench(folder, values.model, values.data);
  try {
    await example.run(bench, (text) => void process.stdout.write(`${text}\n`));
  } finally {
    await bench.close();
  }
}

await main(process.argv.slice(2)).catch((thrown) => {
  const { message, issues } = toChiasmError(thrown);
  process.stderr.write(`${message}\n${issues.map((issue) => `${issue.path} ${issue.message}\n`).join('')}`);
  process.exitCode = 1;
});
