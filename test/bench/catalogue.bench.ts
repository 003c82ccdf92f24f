/**
 * Every model of the catalogue at full size, with generated weights under exactly its file names: pulled over HTTP by
 * `npm run models`, verified, and used by `npm start` to index and search. Says how long each step takes.
 *
 *   npm run bench -- catalogue [--models NAME,NAME...] [--keep DIR]
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import sharp from 'sharp';
import { CATALOGUE } from '#shared/models/catalogue.ts';
import type { CatalogueEntry } from '#shared/models/catalogue-entry.ts';
import { fileDigest } from '#shared/models/file-digest.ts';
import { startProgram } from '../functions/local/start-program.ts';
import { encodeSamples, sine, wavFile } from '../media/sounds.ts';
import { startFileServer } from '../models/pull/file-server.ts';
import { machine, table } from './statistics.ts';
import { writeTowerModel } from './towers/write-tower-model.ts';

const MODELS_MAIN = join(import.meta.dirname, '../../functions/models/main.ts');
const execute = promisify(execFile);
/** Not of this size: its architecture has no generator here, or it embeds nothing. */
const WITHOUT_GENERATOR = ['mobileclip-s0', 'whisper-base'];

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { models: { type: 'string' }, keep: { type: 'string' } },
  });
  const all = CATALOGUE.map(({ name }) => name).filter((name) => !WITHOUT_GENERATOR.includes(name));
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-catalogue-'));
  try {
    await writeCollection(join(scratch, 'collection'));
    process.stdout.write(`${await machine()}\n\n`);
    const rows = [['model', 'bytes', 'pull', 'verify', 'index 3 files', 'first result']];
    for (const name of values.models?.split(',') ?? all) {
      rows.push(await tryModel(name, resolve(values.keep ?? join(scratch, 'towers')), scratch));
      process.stderr.write(`${rows.at(-1)?.join('  ')}\n`);
    }
    process.stdout.write(table(rows));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A picture, a sound and a text. */
async function writeCollection(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const picture = sharp({ create: { width: 640, height: 480, channels: 3, background: '#c03030' } });
  await picture.jpeg().toFile(join(folder, 'picture.jpg'));
  const sound = wavFile(encodeSamples(sine(440, 44_100, 1, 0.4), 16), { bits: 16, sampleRateHz: 44_100 });
  await writeFile(join(folder, 'sound.wav'), sound);
  await writeFile(join(folder, 'text.txt'), 'Two dogs are running in the grass.');
}

async function tryModel(name: string, towers: string, scratch: string): Promise<string[]> {
  const folder = await writeTowerModel(name, towers);
  const entry = await describeFiles(CATALOGUE.find((each) => each.name === name)!, folder);
  const served = await Promise.all(
    entry.files.map(async ({ path }) => {
      const at = `${entry.repository}/resolve/${entry.revision}/${path}`;
      return [at, new Uint8Array(await readFile(join(folder, path)))] as const;
    }),
  );
  const server = await startFileServer(served);
  const data = join(scratch, 'data');
  const catalogue = join(scratch, 'catalogue.json');
  await writeFile(catalogue, JSON.stringify([entry]));
  const models = (...command: string[]) =>
    execute(process.execPath, [
      MODELS_MAIN,
      ...command,
      '--data',
      data,
      '--catalogue',
      catalogue,
      '--mirror',
      server.url,
    ]);
  try {
    const pull = await secondsOf(() => models('pull', name));
    const verify = await secondsOf(() => models('verify', name));
    const program = await startProgram([join(scratch, 'collection'), '--data', data, '--model', name]);
    const index = await secondsOf(async () => {
      while ((await program.get('v1/stats')).body.items?.indexed !== 3) await sleep(100);
    });
    const query = entry.modalities.includes('text') ? 'v1/search?q=two+dogs' : 'v1/search?q=picture&mode=lexical';
    const { status, body } = await program.get(query);
    await program.signal('SIGTERM');
    if (status !== 200 || body.results.length === 0) throw new Error(`${name}: ${JSON.stringify(body)}`);
    const bytes = entry.files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const seconds = (value: number) => `${value.toFixed(1)} s`;
    return [
      name,
      `${(bytes / 1e6).toFixed(0)} MB`,
      seconds(pull),
      seconds(verify),
      seconds(index),
      body.results[0].key,
    ];
  } finally {
    await server.close();
    await rm(data, { recursive: true, force: true });
  }
}

async function describeFiles(entry: CatalogueEntry, folder: string): Promise<CatalogueEntry> {
  const files = await Promise.all(
    entry.files.map(async ({ path }) => ({
      path,
      sizeBytes: (await stat(join(folder, path))).size,
      sha256: await fileDigest(join(folder, path)),
    })),
  );
  return { ...entry, files };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}
