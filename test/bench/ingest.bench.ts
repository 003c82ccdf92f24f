/**
 * Indexing pictures end to end (list, read, decode, encode, store, index) beside the model alone in a loop on the same
 * batches, in one run. The limit is the model: everything else should hide behind it.
 *
 *   npm run bench -- ingest [FOLDER] [--pictures N] [--model M | --tower NAME] [--rounds R]
 *
 * `--tower clip-vit-base-patch32` takes the towers of that model with generated weights: speed does not depend on their values.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { Pixels } from '#shared/media/image.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createFolderObjectStore } from '#shared/store/folder-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { indexAll } from './index-all.ts';
import { machine, median, table } from './statistics.ts';
import { writeTowerModel } from './towers/write-tower-model.ts';

const BATCH = 32;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      pictures: { type: 'string', default: '512' },
      model: { type: 'string', default: 'starter' },
      tower: { type: 'string' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    const folder = positionals[0] ?? (await writePictures(join(scratch, 'pictures'), Number(values.pictures)));
    const media = createFolderObjectStore(folder);
    const model =
      values.tower === undefined
        ? await findModel(values.model, { dataFolder: '.chiasm' })
        : await writeTowerModel(values.tower, scratch);
    const encoder = await loadEncoder(model, { openSession: createThreadedSession });
    const keys = (await Array.fromAsync(media.list(), ({ key }) => key)).slice(0, Number(values.pictures));
    const pixels = await decodeAll(media, keys, encoder);
    const alone: number[] = [];
    const whole: number[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      alone.push(keys.length / (await secondsOf(() => embedAll(encoder, pixels))));
      const target = join(scratch, `round-${round}`);
      whole.push(keys.length / (await secondsOf(() => indexAll(media, keys, encoder, target))));
    }
    const rate = (perSecond: number) => `${perSecond.toFixed(1)} pictures/s`;
    process.stdout.write(
      `${keys.length} pictures from ${positionals[0] ?? 'generated 800 x 600 JPEGs'}, model ${encoder.space.id}, median of ${alone.length} rounds\n${await machine()}\n\n${table(
        [
          ['model alone', rate(median(alone))],
          ['end to end', rate(median(whole))],
          ['ratio', (median(whole) / median(alone)).toFixed(3)],
        ],
      )}`,
    );
    await encoder.close();
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Pictures with the size and the detail of photographs: smooth areas, edges, a little noise. */
export async function writePictures(folder: string, count: number): Promise<string> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  for (let n = 0; n < count; n++) {
    const hue = (n * 47) % 360;
    const shapes = Array.from({ length: 25 }, (_, i) => {
      const [x, y, r] = [(n * 37 + i * 173) % 800, (n * 91 + i * 119) % 600, 20 + ((i * 53 + n) % 120)];
      return `<circle cx="${x}" cy="${y}" r="${r}" fill="hsl(${(hue + i * 31) % 360} 60% ${30 + ((i * 17) % 50)}%)" opacity="0.8"/>`;
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><rect width="800" height="600" fill="hsl(${hue} 50% 60%)"/>${shapes.join('')}</svg>`;
    const noise = {
      create: {
        width: 800,
        height: 600,
        channels: 3 as const,
        background: '#808080',
        noise: { type: 'gaussian' as const, mean: 128, sigma: 12 },
      },
    };
    const grain = await sharp(noise).png().toBuffer();
    const jpeg = await sharp(Buffer.from(svg))
      .composite([{ input: grain, blend: 'soft-light' }])
      .jpeg({ quality: 88 })
      .toBuffer();
    await writeFile(join(folder, `${n}.jpg`), jpeg);
  }
  return folder;
}

async function decodeAll(media: ObjectStore, keys: readonly string[], encoder: Encoder): Promise<Pixels[]> {
  const pixels: Pixels[] = [];
  for (const key of keys) pixels.push((await decodeImage((await media.get(key))!.bytes, encoder.image!)).pixels);
  return pixels;
}

async function embedAll(encoder: Encoder, pixels: readonly Pixels[]): Promise<void> {
  for (let start = 0; start < pixels.length; start += BATCH)
    await encoder.embedImages(pixels.slice(start, start + BATCH));
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}
