/**
 * Full-size towers with generated weights, JPEG in and vector out: Chiasm's encoder with decoding ahead, the session alone in
 * a loop on the same batches, and the `image-feature-extraction` pipeline of @huggingface/transformers over the same file,
 * all in one run. Then text queries one by one, how long a session takes to open, and its memory.
 *
 *   npm run bench -- encode [FOLDER] [--pictures N] [--rounds R] [--models NAME,NAME...] [--keep DIR]
 */

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { env, pipeline } from '@huggingface/transformers';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { Pixels } from '#shared/media/image.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { writePictures } from './ingest.bench.ts';
import { machine, median, table } from './statistics.ts';
import { writeTowerModel } from './towers/write-tower-model.ts';

const BATCH = 16;
const QUERIES = 40;
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
      /** Set by the bench itself: one model in a process of its own, so that memory is its own. */
      only: { type: 'string' },
    },
  });
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    const folder = positionals[0] ?? (await writePictures(join(scratch, 'pictures'), Number(values.pictures)));
    const keep = resolve(values.keep ?? join(scratch, 'models'));
    if (values.only !== undefined)
      return await measure(values.only, keep, folder, Number(values.pictures), Number(values.rounds));
    process.stdout.write(
      `${values.pictures} pictures from ${positionals[0] ?? 'generated 800 x 600 JPEGs'}, batches of ${BATCH}\n${await machine()}\n`,
    );
    for (const model of values.models.split(',')) {
      await writeTowerModel(model, keep);
      const own = ['--only', model, '--keep', keep, '--pictures', values.pictures, '--rounds', values.rounds];
      const { status } = spawnSync(process.execPath, [process.argv[1]!, 'encode', folder, ...own], {
        stdio: 'inherit',
      });
      if (status !== 0) throw new Error(`measuring ${model} ended with ${status}`);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function measure(name: string, keep: string, folder: string, count: number, rounds: number): Promise<void> {
  const files = (await readdir(folder)).filter((file) => /\.jpe?g$/i.test(file)).slice(0, count);
  const paths = files.map((file) => join(folder, file));
  const opening = async (modality: 'image' | 'text') => {
    const [startedMs, before] = [performance.now(), process.memoryUsage.rss()];
    const encoder = await loadEncoder(
      join(keep, name),
      { openSession: createThreadedSession },
      { modalities: [modality] },
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
  const rate = async (work: () => Promise<void>) => paths.length / (await secondsOf(work));
  await embedAll(pictures.encoder, pixels.slice(0, BATCH)); // one batch each before anything is counted
  await extract(paths.slice(0, BATCH), { pool: name.startsWith('siglip') });
  for (let round = 0; round < rounds; round++) {
    rates.alone.push(await rate(() => embedAll(pictures.encoder, pixels)));
    rates.ours.push(await rate(() => embedFiles(pictures.encoder, paths)));
    rates.peer.push(
      await rate(async () => {
        for (let start = 0; start < paths.length; start += BATCH) {
          await extract(paths.slice(start, start + BATCH), { pool: name.startsWith('siglip') });
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

async function embedAll(encoder: Encoder, pixels: readonly Pixels[]): Promise<void> {
  for (let start = 0; start < pixels.length; start += BATCH)
    await encoder.embedImages(pixels.slice(start, start + BATCH));
}

/** The next batch is decoded while this one is embedded. */
async function embedFiles(encoder: Encoder, paths: readonly string[]): Promise<void> {
  const batch = (start: number) => Promise.all(paths.slice(start, start + BATCH).map((path) => decode(path, encoder)));
  let next = batch(0);
  for (let start = 0; start < paths.length; start += BATCH) {
    const pixels = await next;
    next = batch(start + BATCH);
    await encoder.embedImages(pixels);
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}
