/** `npm run models -- list|pull|verify|remove`: the models that `npm start -- --model NAME` finds. */

import { resolve } from 'node:path';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { CATALOGUE, readCatalogue } from '#shared/models/catalogue.ts';
import { type CatalogueEntry, downloadBytes } from '#shared/models/catalogue-entry.ts';
import { BUNDLED, findModel, listModels, modelsFolder } from '#shared/models/find-model.ts';
import { pullModel } from '#shared/models/pull/pull-model.ts';
import { removeModel } from '#shared/models/pull/remove-model.ts';
import { type Arguments, HELP, parseArguments } from './arguments.ts';
import { verifyModel } from './compose.ts';
import { readEnvironment } from './env.ts';
import { formatBytes, printList } from './print-list.ts';
import { createProgress } from './progress.ts';

async function main(): Promise<void> {
  const environment = readEnvironment();
  const args = parseArguments(process.argv.slice(2), environment);
  if (args.help) return say(HELP);
  const own = args.catalogue === undefined ? [] : await readCatalogue(args.catalogue);
  const catalogue = [...CATALOGUE.filter(({ name }) => own.every((entry) => entry.name !== name)), ...own];
  const colour = process.stdout.isTTY === true && environment.NO_COLOR === undefined;
  if (args.command === 'list') await list(args, catalogue, colour);
  else if (args.command === 'pull') await pullAll(args, catalogue);
  else if (args.command === 'verify') await verifyAll(args);
  else await removeAll(args);
}

const say = (text: string): void => void process.stdout.write(text);

async function list({ data, json }: Arguments, catalogue: readonly CatalogueEntry[], colour: boolean): Promise<void> {
  const here = await listModels(modelsFolder(data));
  const bundled = Object.keys(BUNDLED);
  const models = catalogue.map((entry) => ({ entry, here: here.includes(entry.name) }));
  const others = here.filter((name) => catalogue.every((entry) => entry.name !== name));
  if (!json) return say(printList(models, { colour, others, bundled }));
  for (const { entry, here: isHere } of models) {
    say(`${JSON.stringify({ ...entry, here: isHere, downloadBytes: downloadBytes(entry) })}\n`);
  }
}

async function pullAll(args: Arguments, catalogue: readonly CatalogueEntry[]): Promise<void> {
  const entries = args.names.map((name) => {
    const entry = catalogue.find((known) => known.name === name);
    if (entry) return entry;
    const known = catalogue.map((each) => each.name).join(', ');
    throw new ChiasmError('not_found', `there is no model ${JSON.stringify(name)}; there are ${known}`);
  });
  const stopping = new AbortController();
  process.once('SIGINT', () =>
    stopping.abort(new ChiasmError('cancelled', 'stopped; the next pull goes on from here')),
  );
  for (const entry of entries) await pullOne(entry, args, stopping.signal);
}

async function pullOne(entry: CatalogueEntry, args: Arguments, signal: AbortSignal): Promise<void> {
  const { licence, name } = entry;
  if (!args.json) {
    const note = licence.note === undefined ? '' : ` (${licence.note})`;
    say(`${name}  ${entry.repository} at ${entry.revision.slice(0, 12)}, ${formatBytes(downloadBytes(entry))}\n`);
    say(`  licence ${licence.name}${note}\n`);
    if (!licence.commercialUse) say('! NOT FOR COMMERCIAL USE\n');
  }
  const progress = createProgress(process.stdout, name, args);
  const pulled = await pullModel(entry, {
    modelsFolder: modelsFolder(resolve(args.data)),
    source: args.source,
    signal,
    onProgress: progress.update,
  }).finally(progress.end);
  const start = `npm start -- --${entry.task ?? 'model'} ${name}`;
  if (args.json) say(`${JSON.stringify({ event: 'pulled', name, ...pulled })}\n`);
  else say(`✓ ${name} ${pulled.alreadyThere ? 'was here already' : 'is here'}: ${start}\n`);
}

/** All of the named models, or all that are here; ends with 1 when one of them is not well. */
async function verifyAll({ names, data, json }: Arguments): Promise<void> {
  const chosen = names.length > 0 ? names : [...Object.keys(BUNDLED), ...(await listModels(modelsFolder(data)))];
  for (const name of chosen) {
    const outcome = await findModel(name, { dataFolder: data })
      .then(verifyModel)
      .catch((thrown) => ({ issues: [{ path: '', message: toChiasmError(thrown).message }] }));
    const well = outcome.issues.length === 0;
    if (!well) process.exitCode = 1;
    if (json) say(`${JSON.stringify({ event: 'verified', name, ...outcome })}\n`);
    else if ('purpose' in outcome && well) say(`✓ ${name}  ${outcome.purpose}\n`);
    else for (const { path, message } of outcome.issues) say(`✗ ${name}  ${path}${path && ': '}${message}\n`);
  }
}

async function removeAll({ names, data, json }: Arguments): Promise<void> {
  const folder = modelsFolder(resolve(data));
  for (const name of names) {
    await removeModel(folder, name);
    if (json) say(`${JSON.stringify({ event: 'removed', name })}\n`);
    else say(`✓ ${name} is removed; vectors that it made stay in the index until another model takes its place\n`);
  }
}

await main().catch((thrown) => {
  const error = toChiasmError(thrown);
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
