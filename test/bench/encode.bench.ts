/**
 * Full-size towers with generated weights, JPEG in and vector out: Chiasm's encoder with decoding ahead, the session alone in
 * a loop on the same batches, and the `image-feature-extraction` pipeline of @huggingface/transformers over the same file,
 * all in one run. Then text queries one by one, how long a session takes to open, and its memory. For CLAP: sounds of ten seconds.
 *
 *   npm run bench -- encode [FOLDER] [--pictures N] [--rounds R] [--models NAME,NAME...] [--keep DIR]
 *                           [--megapixels M]   the pictures enlarged to this size, as cameras make them
 *                           [--batch B] [--spinning]   of Chiasm's encoder; the pipeline has its own defaults
 */

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { env, pipeline } from '@huggingface/transformers';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { Pixels } from '#shared/media/image.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { measureSounds } from './encode-sounds.ts';
import { writePictures } from './ingest.bench.ts';
import { enlargePictures } from './large-pictures.ts';
import { machine, median, table } from './statistics.ts';
import { writeTowerModel } from './towers/write-tower-model.ts';

const QUERIES = 40;
/** After its last run the pipeline's threads look for work in a loop for a while: they must not take time from ours. */
const REST_MS = 1500;
const MODELS = 'clip-vit-base-patch32,clip-vit-base-patch32-int8,siglip2-base,siglip2-base-int8';
/** The pipeline's word for the graph of a model: the suffix of its file. */
const DTYPES: Readonly<Record<string, 'fp32' | 'q8' | 'int8'>> = {
  'clip-vit-base-patch32-int8': 'q8',
  'siglip2-base-int8': 'int8',
};

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      pictures: { type: 'string', default: '64' },
      rounds: { type: 'string', default: '3' },
      models: { type: 'string', default: MODELS },
      keep: { type: 'string' },
      megapixels: { type: 'string' },
      batch: { type: 'string', default: '16' },
      spinning: { type: 'boolean', default: false },
      /** Set by the bench itself: one model in a process of its own, so that memory is its own. */
      only: { type: 'string' },
    },
  });
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    const count = Number(values.pictures);
    const given = positionals[0] ?? (await writePictures(join(scratch, 'pictures'), count));
    const keep = resolve(values.keep ?? join(scratch, 'models'));
    const settings = { count, rounds: Number(values.rounds), batch: Number(values.batch), spinning: values.spinning };
    if (values.only !== undefined) return await measure(values.only, keep, given, settings);
    let [folder, source] = [given, positionals[0] ?? 'generated 800 x 600 JPEGs'];
    if (values.megapixels !== undefined) {
      folder = join(scratch, 'large');
      const bytes = await enlargePictures(given, folder, count, Number(values.megapixels));
      source += ` enlarged to ${values.megapixels} megapixels, ${(bytes / 1e6).toFixed(1)} MB each`;
    }
    process.stdout.write(
      `${values.pictures} pictures from ${source}, batches of ${values.batch}\n${await machine()}\n`,
    );
    for (const model of values.models.split(',')) {
      await writeTowerModel(model, keep);
      const own = ['--only', model, '--keep', keep, '--pictures', values.pictures, '--rounds', values.rounds];
      own.push('--batch', values.batch, ...(values.spinning ? ['--spinning'] : []));
      const { status } = spawnSync(process.execPath, [process.argv[1]!, 'encode', folder, ...own], {
        stdio: 'inherit',
      });
      if (status !== 0) throw new Error(`measuring ${model} ended with ${status}`);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Settings {
  readonly count: number;
  readonly rounds: number;
  readonly batch: number;
  readonly spinning: boolean;
}

async function measure(name: string, keep: string, folder: string, settings: Settings): Promise<void> {
  const { count, rounds, batch, spinning } = settings;
  if (name.startsWith('clap')) return measureSounds(name, join(keep, name), rounds);
  const files = (await readdir(folder)).filter((file) => /\.jpe?g$/i.test(file)).slice(0, count);
  const paths = files.map((file) => join(folder, file));
  const opening = async (modality: 'image' | 'text') => {
    const [startedMs, before] = [performance.now(), process.memoryUsage.rss()];
    const encoder = await loadEncoder(
      join(keep, name),
      { openSession: createThreadedSession },
      { modalities: [modality], maxBatch: batch, spinning },
    );
    const seconds = (performance.now() - startedMs) / 1000;
    return { encoder, seconds, megabytes: (process.memoryUsage.rss() - before) / 1e6 };
  };
  const pictures = await opening('image');
  const texts = await opening('text');
  env.allowRemoteModels = false;
  env.localModelPath = `${keep}/`;
  const extract = await pipeline('image-feature-extraction', name, { dtype: DTYPES[name] ?? 'fp32' });
  const pixels: Pixels[] = [];
  for (const path of paths) pixels.push(await decode(path, pictures.encoder));

  const rates = { alone: [] as number[], ours: [] as number[], peer: [] as number[] };
  const rate = async (work: () => Promise<void>) => {
    await sleep(REST_MS);
    return paths.length / (await secondsOf(work));
  };
  for (let warmUp = 0; warmUp < 2; warmUp++) {
    await embedAll(pictures.encoder, pixels.slice(0, batch), batch); // ORT lays out its memory in the first two runs
    await extract(paths.slice(0, batch), { pool: name.startsWith('siglip') });
  }
  for (let round = 0; round < rounds; round++) {
    rates.alone.push(await rate(() => embedAll(pictures.encoder, pixels, batch)));
    rates.ours.push(await rate(() => embedFiles(pictures.encoder, paths, batch)));
    rates.peer.push(
      await rate(async () => {
        for (let start = 0; start < paths.length; start += batch) {
          await extract(paths.slice(start, start + batch), { pool: name.startsWith('siglip') });
        }
      }),
    );
  }
  const querySeconds: number[] = [];
  for (let q = 0; q < QUERIES; q++) {
    querySeconds.push(
      await secondsOf(async () => void (await texts.encoder.embedTexts([`two dogs running in the grass ${q}`]))),
    );
  }
  const [alone, ours, peer] = [median(rates.alone), median(rates.ours), median(rates.peer)];
  const perSecond = (value: number) => `${value.toFixed(1)} /s`;
  process.stdout.write(
    `\n${name}\n${table([
      ['pictures, session alone', perSecond(alone)],
      ['pictures, end to end', perSecond(ours), `${(ours / alone).toFixed(2)} of the session alone`],
      ['pictures, transformers pipeline', perSecond(peer), `ours is ${(ours / peer).toFixed(2)} times as fast`],
      [
        'text queries, one by one',
        perSecond(1 / median(querySeconds)),
        `median ${(median(querySeconds) * 1000).toFixed(1)} ms`,
      ],
      ['opening the picture tower', `${pictures.seconds.toFixed(1)} s`, `${pictures.megabytes.toFixed(0)} MB`],
      ['opening the text tower', `${texts.seconds.toFixed(1)} s`, `${texts.megabytes.toFixed(0)} MB`],
    ])}`,
  );
  await Promise.all([pictures.encoder.close(), texts.encoder.close(), extract.dispose()]);
}

const decode = async (path: string, encoder: Encoder) =>
  (await decodeImage(await readFile(path), encoder.image!)).pixels;

async function embedAll(encoder: Encoder, pixels: readonly Pixels[], batch: number): Promise<void> {
  for (let start = 0; start < pixels.length; start += batch)
    await encoder.embedImages(pixels.slice(start, start + batch));
}

/** The next batch is decoded while this one is embedded. */
async function embedFiles(encoder: Encoder, paths: readonly string[], batch: number): Promise<void> {
  const take = (start: number) => Promise.all(paths.slice(start, start + batch).map((path) => decode(path, encoder)));
  let next = take(0);
  for (let start = 0; start < paths.length; start += batch) {
    const pixels = await next;
    next = take(start + batch);
    await encoder.embedImages(pixels);
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}
