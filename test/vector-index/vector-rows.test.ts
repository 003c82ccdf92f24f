import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { dot } from '#shared/core/vector.ts';
import { openCodedRows } from '#shared/vector-index/coded-rows.ts';
import { createFloatRows } from '#shared/vector-index/float-rows.ts';
import { digestFile } from '#shared/vector-index/generation-files.ts';
import { bestRows, type VectorRows } from '#shared/vector-index/vector-rows.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { clusteredVectors, randomVector, seededRandom } from './sample-changes.ts';

const ROWS = 300;

async function codedRows(vectors: readonly Float32Array[], heldBytes = 0, folder?: string) {
  const path = join(folder ?? (await temporaryFolder()), 'vectors.f32');
  await writeFile(path, Buffer.concat(vectors.map(({ buffer }) => new Uint8Array(buffer))));
  return openCodedRows(path, await digestFile(path), 'vectors.f32', vectors[0]!.length, heldBytes);
}

async function floatRows(vectors: readonly Float32Array[]) {
  const rows = createFloatRows(vectors[0]!.length);
  for (const vector of vectors) rows.add(vector);
  return { ...rows, close: async () => undefined };
}

describe.each([
  ['as codes over their file', (vectors: readonly Float32Array[]) => codedRows(vectors)],
  ['as codes, with the vectors in memory', (vectors: readonly Float32Array[]) => codedRows(vectors, 2 ** 20)],
  ['in full', floatRows],
])('rows %s', (_, create) => {
  it.each([1, 4, 17, 64, 512])('of %i numbers are estimated within the bound', async (dimensions) => {
    const random = seededRandom(dimensions);
    const vectors = clusteredVectors(1, ROWS, dimensions, 7);
    const rows = await create(vectors);
    const wanted = Int32Array.from({ length: ROWS }, (_unused, i) => (i * 7) % ROWS);
    const query = randomVector(random, dimensions);
    const { scores, greatestError } = rows.estimate(query, wanted);
    expect(greatestError).toBeLessThan(0.05);
    wanted.forEach((row, i) => {
      expect(Math.abs(scores[i]! - dot(query, vectors[row]!))).toBeLessThanOrEqual(greatestError);
    });
    await rows.close();
  });

  it('that are all the same are found', async () => {
    const vector = randomVector(seededRandom(3), 20);
    const rows = await create([vector, vector, vector]);
    const found = bestRows(rows, vector, Int32Array.of(2, 0, 1), 2, { exact: true });
    expect(found.map(({ row }) => row)).toEqual([0, 1]);
    await rows.close();
  });

  it('give exactly the k best, equal ones in the order of rows', async () => {
    const vectors = clusteredVectors(3, ROWS, 24, 3, 0.1);
    vectors[7] = vectors[9] = vectors[200]!;
    const rows: VectorRows & { close(): Promise<unknown> } = await create(vectors);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(ROWS - 1)),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(ROWS - 1),
        async (wanted, k, like) => {
          const query = vectors[like]!;
          const expected = wanted
            .map((row) => ({ row, score: dot(query, vectors[row]!) }))
            .sort((a, b) => b.score - a.score || a.row - b.row)
            .slice(0, k);
          const found = bestRows(rows, query, Int32Array.from(wanted), k, { exact: true });
          expect(found.map(({ row, score }) => ({ row, score }))).toEqual(expected);
          for (const { row, vector } of found) expect(vector).toEqual(vectors[row]);
        },
      ),
      { numRuns: 60 },
    );
    await rows.close();
  });
});

describe('rows as codes', () => {
  it('come into memory once the first one was asked for, and need their file no more', async () => {
    const folder = await temporaryFolder();
    const vectors = clusteredVectors(8, ROWS, 64, 5);
    const rows = await codedRows(vectors, 2 ** 20, folder);
    const target = new Float32Array(64);
    expect(rows.heldRows).toBe(0);
    rows.read(0, target);
    expect(target).toEqual(vectors[0]);
    await vi.waitFor(() => expect(rows.heldRows).toBe(ROWS), { timeout: 10_000 });
    await truncate(join(folder, 'vectors.f32'));
    rows.read(ROWS - 1, target);
    expect(target).toEqual(vectors[ROWS - 1]);
    await rows.close();
  });

  it('hold collections in which one number of every vector is far greater than the others', async () => {
    const random = seededRandom(5);
    const vectors = clusteredVectors(2, ROWS, 64, 5).map((vector) => {
      vector[3] = 9;
      const norm = Math.sqrt(dot(vector, vector));
      return vector.map((value) => value / norm);
    });
    const rows = await codedRows(vectors);
    const { greatestError } = rows.estimate(randomVector(random, 64), Int32Array.of(0));
    expect(greatestError).toBeLessThan(0.005);
    await rows.close();
  });
});
