/**
 * Near duplicates among real photographs: some are stored a second time encoded again, smaller, cropped; how many of these
 * copies are found, and how many of the pairs that are called copies are some.
 *
 *   npm run bench -- duplicates FOLDER [--copied N] [--model NAME]
 */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { type DuplicateKind, findDuplicates } from '#shared/vector-index/find-duplicates.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { indexAll } from './index-all.ts';
import { table } from './statistics.ts';

const COPIES: Readonly<Record<string, (picture: Buffer) => Promise<Buffer>>> = {
  'JPEG, quality 60': (picture) => sharp(picture).jpeg({ quality: 60 }).toBuffer(),
  WebP: (picture) => sharp(picture).webp({ quality: 75 }).toBuffer(),
  'half the size': async (picture) => {
    const { width } = await sharp(picture).metadata();
    return sharp(picture)
      .resize(Math.round(width / 2))
      .jpeg({ quality: 85 })
      .toBuffer();
  },
  'brighter by 15 %': (picture) => sharp(picture).modulate({ brightness: 1.15 }).jpeg({ quality: 85 }).toBuffer(),
  'cropped by 4 %': (picture) => crop(picture, 0.04),
  'cropped by 10 %': (picture) => crop(picture, 0.1),
};

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { copied: { type: 'string', default: '100' }, model: { type: 'string', default: 'starter' } },
  });
  const [source] = positionals;
  if (source === undefined) throw new Error('expected a folder of photographs: npm run bench -- duplicates FOLDER');
  const names = (await readdir(source)).filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).sort();
  if (names.length === 0) throw new Error(`expected JPEG, PNG or WebP pictures in ${source}; there are none`);
  const copied = Math.min(Number(values.copied), names.length);
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  const encoder = await loadEncoder(await findModel(values.model, { dataFolder: '.chiasm' }), {
    openSession: createThreadedSession,
  });
  try {
    const media = createMemoryObjectStore();
    const keys: string[] = [];
    const add = async (key: string, bytes: Buffer) => {
      await media.put(key, bytes);
      keys.push(key);
    };
    for (const [i, name] of names.entries()) {
      const bytes = await readFile(join(source, name));
      await add(`${i}/original`, bytes);
      if (i >= copied) continue;
      for (const [copy, make] of Object.entries(COPIES)) await add(`${i}/${copy}`, await make(bytes));
    }
    await indexAll(media, keys, encoder, folder);
    const index = await openIndex({
      store: createFileObjectStore(join(folder, 'state')),
      space: encoder.space,
      clock: systemClock,
      log: silentLog,
      scratchFolder: join(folder, 'scratch'),
    });
    await report(index, names.length, copied);
    await index.close();
  } finally {
    await encoder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function report(index: VectorIndex, photographs: number, copied: number): Promise<void> {
  const rows = [['kind', ...Object.keys(COPIES), 'precision of pairs']];
  for (const kind of ['reencoded', 'similar'] satisfies DuplicateKind[]) {
    const found = new Map<string, Set<string>>();
    const pairs = { right: 0, all: 0 };
    for (let cursor: string | undefined; ; ) {
      const page = await findDuplicates(index, { kind, limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
      for (const { items } of page.groups)
        count(
          items.map(({ key }) => key),
          found,
          pairs,
        );
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    const share = (copy: string) => `${((100 * (found.get(copy)?.size ?? 0)) / copied).toFixed(0)} %`;
    rows.push([
      kind,
      ...Object.keys(COPIES).map(share),
      `${((100 * pairs.right) / pairs.all).toFixed(1)} % of ${pairs.all}`,
    ]);
  }
  process.stdout.write(`${photographs} photographs, copies of ${copied}\n\n${table(rows)}`);
}

/** A copy is found when it is in a group with another version of its photograph. */
function count(keys: readonly string[], found: Map<string, Set<string>>, pairs: { right: number; all: number }): void {
  const photograph = (key: string) => key.slice(0, key.indexOf('/'));
  const [first] = keys;
  for (const key of keys) {
    const copy = key.slice(key.indexOf('/') + 1);
    if (keys.some((other) => other !== key && photograph(other) === photograph(key))) {
      found.set(copy, (found.get(copy) ?? new Set()).add(key));
    }
    if (key === first) continue;
    pairs.all += 1;
    if (photograph(key) === photograph(first!)) pairs.right += 1;
  }
}

async function crop(picture: Buffer, share: number): Promise<Buffer> {
  const { width, height } = await sharp(picture).metadata();
  const [left, top] = [Math.round((width * share) / 2), Math.round((height * share) / 2)];
  return sharp(picture)
    .extract({ left, top, width: width - 2 * left, height: height - 2 * top })
    .jpeg({ quality: 85 })
    .toBuffer();
}
