/** `npm run bench -- NAME [options]`: measures one thing beside its limit and its peers, and prints ratios. */

import { readdir } from 'node:fs/promises';

const [name, ...args] = process.argv.slice(2);
const names = (await readdir(import.meta.dirname))
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''));

if (name === undefined || !names.includes(name)) {
  process.stdout.write(`npm run bench -- ${names.join(' | ')}\n`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const { run } = (await import(`./${name}.bench.ts`)) as { run: (args: readonly string[]) => Promise<void> };
  await run(args);
}
