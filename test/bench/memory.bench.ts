/**
 * Memory while indexing many large photographs: it must not grow with their number. The bound is the sum of what may be in
 * flight: decoders x (file + decoded rows), the budget of decoded inputs, one batch in the model, and the fresh rows.
 *
 *   npm run bench -- memory [--pictures N] [--megapixels M] [--model M]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { indexAll } from './index-all.ts';
import { machine, table } from './statistics.ts';

const DISTINCT = 8;
const SAMPLE_EVERY_MS = 100;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pictures: { type: 'string', default: '10000' },
      megapixels: { type: 'string', default: '12' },
      model: { type: 'string', default: 'starter' },
    },
  });
  const pictures = Number(values.pictures);
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  const encoder = await loadEncoder(await findModel(values.model, { dataFolder: '.chiasm' }), {
    openSession: createThreadedSession,
  });
  try {
    const photographs = await drawPhotographs(Number(values.megapixels));
    const media = await repeat(photographs, pictures);
    const before = process.memoryUsage().rss;
    const samples: number[] = [];
    const startedMs = performance.now();
    const timer = setInterval(() => samples.push(process.memoryUsage().rss), SAMPLE_EVERY_MS);
    await indexAll(media.store, media.keys, encoder, folder);
    clearInterval(timer);
    const seconds = (performance.now() - startedMs) / 1000;
    const tenths = Array.from({ length: 10 }, (_, i) =>
      samples.slice(Math.floor((i * samples.length) / 10), Math.floor(((i + 1) * samples.length) / 10)),
    );
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    const fileMb = photographs.reduce((sum, bytes) => sum + bytes.length, 0) / photographs.length / 1e6;
    process.stdout.write(
      `${pictures.toLocaleString('en')} JPEGs of ${values.megapixels} megapixels (${fileMb.toFixed(1)} MB each), ${(pictures / seconds).toFixed(1)} pictures/s\n${await machine()}\n\n` +
        `before: ${mib(before)}\n${table([['tenth', 'highest resident memory'], ...tenths.map((part, i) => [String(i + 1), mib(Math.max(0, ...part))])])}`,
    );
  } finally {
    await encoder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function drawPhotographs(megapixels: number): Promise<Buffer[]> {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const height = Math.round((width * 3) / 4);
  const draw = (n: number) =>
    sharp({
      create: {
        width,
        height,
        channels: 3,
        background: '#888',
        noise: { type: 'gaussian', mean: 90 + 10 * n, sigma: 25 },
      },
    })
      .blur(1.2)
      .jpeg({ quality: 85 })
      .toBuffer();
  const photographs: Buffer[] = [];
  for (let n = 0; n < DISTINCT; n++) photographs.push(await draw(n));
  return photographs;
}

/** A store with `count` keys over few files, so that the disk holds them. */
async function repeat(files: readonly Buffer[], count: number): Promise<{ store: ObjectStore; keys: string[] }> {
  const inner = createMemoryObjectStore();
  for (const [i, bytes] of files.entries()) await inner.put(`${i}`, bytes);
  const real = (key: string) => `${Number(key) % files.length}`;
  const store: ObjectStore = {
    ...inner,
    get: async (key, options) => {
      const object = await inner.get(real(key), options);
      return object && { ...object, key };
    },
    head: async (key) => {
      const info = await inner.head(real(key));
      return info && { ...info, key };
    },
  };
  return { store, keys: Array.from({ length: count }, (_, i) => `${i}`) };
}
