import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, remove } from './sample-changes.ts';

const D = 16;

/** All files below the folders in which any of the needles occurs. */
async function filesWith(needles: readonly Uint8Array[], ...folders: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      if (needles.some((needle) => bytes.includes(Buffer.from(needle)))) found.push(entry.name);
    }
  }
  return found;
}

/** A third of a vector's bytes is enough to recognise it. */
function needlesOf(vector: Float32Array): Uint8Array[] {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return [bytes.slice(0, 20), bytes.slice(20, 40), bytes.slice(44)];
}

/** A word of its own for each item, without a common beginning: the index of words stores common beginnings once. */
function wordOf(i: number, field: string): string {
  const digest = createHash('sha256').update(`${field} ${i}`).digest();
  return Array.from(digest.subarray(0, 16), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
}

const text = (...words: string[]) => words.map((word) => new TextEncoder().encode(word));

describe('after a delete and the next compaction', { timeout: 120_000 }, () => {
  it.each([
    ['of a few items in a graph that is kept', 0.9, [3, 100, 399]],
    ['of a few items in a graph that is rebuilt', 0, [3, 100, 399]],
    ['of every item', 0.9, Array.from({ length: 400 }, (_, i) => i)],
  ])('no file holds the vectors, the text or the name %s', async (_, rebuildShare, erased) => {
    const storeFolder = await temporaryFolder();
    const harness = await createHarness(D, createFileObjectStore(storeFolder));
    const vectors = clusteredVectors(9, 400, D, 10);
    const index = await harness.open();
    const item = (i: number) => ({
      key: `folder/${wordOf(i, 'key')}.txt`,
      title: wordOf(i, 'title'),
      attributes: { owner: wordOf(i, 'attribute') },
    });
    const change = (i: number) =>
      put(item(i), { vector: vectors[i]!, text: `the passage ${wordOf(i, 'text')} of the item` });
    await index.apply(Array.from({ length: 200 }, (_, i) => change(i)));
    await harness.compact();
    await index.apply(Array.from({ length: 200 }, (_, i) => change(200 + i)));
    await harness.compact({ rebuildShare: 1 });
    await index.refresh();

    const needles = erased.flatMap((i) => [
      ...needlesOf(vectors[i]!),
      ...text(...['key', 'title', 'attribute', 'text'].map((field) => wordOf(i, field).slice(4))),
    ]);
    const everywhere = () => filesWith(needles, storeFolder, harness.scratchFolder);
    expect(await everywhere()).toEqual(expect.arrayContaining(['catalog.sqlite', 'vectors.f32', 'graph-image.hnsw']));
    await index.apply(erased.map((i) => remove(item(i).key, '2')));
    await harness.compact({ rebuildShare });
    await index.refresh();
    expect(await everywhere()).toEqual([]);
    expect(await index.items({ limit: 1000 })).toHaveLength(400 - erased.length);
  });

  it('nor does any file hold the earlier version of a replaced item', async () => {
    const storeFolder = await temporaryFolder();
    const harness = await createHarness(D, createFileObjectStore(storeFolder));
    const [before, after, other] = clusteredVectors(2, 3, D, 3) as [Float32Array, Float32Array, Float32Array];
    const index = await harness.open();
    await index.apply([
      put({ key: 'a', sequencer: '1' }, { vector: before, text: 'Xylophon' }),
      put({ key: 'b' }, other),
    ]);
    await harness.compact();
    await index.apply([put({ key: 'a', sequencer: '2' }, { vector: after, text: 'harmless' })]);
    await harness.compact({ rebuildShare: 1 });
    expect(await filesWith([...needlesOf(before), ...text('Xylophon', 'xylophon')], storeFolder)).toEqual([]);
    expect(await filesWith(needlesOf(after), storeFolder)).toContain('graph-image.hnsw');
  });
});
