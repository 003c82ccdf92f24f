import { describe, expect, it } from 'vitest';
import { row } from '#shared/core/vector.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { embeddingLike } from '../bench/embedding-like.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, remove } from './sample-changes.ts';

const D = 32;
const N = 6000;
const vectors = clusteredVectors(11, N + 200, D, 60);
const queries = vectors.slice(N);

async function recallAt10(index: VectorIndex): Promise<number> {
  let found = 0;
  for (const vector of queries) {
    const exact = await index.searchVectors({ vector, limit: 10, exact: true });
    const graph = await index.searchVectors({ vector, limit: 10 });
    expect(graph.plan).toBe('graph');
    const keys = new Set(graph.hits.map(({ item }) => item.key));
    found += exact.hits.filter(({ item }) => keys.has(item.key)).length;
  }
  return found / (queries.length * 10);
}

async function filled() {
  const harness = await createHarness(D);
  const index = await harness.open({ exactRows: 1000 });
  const apply = async (from: number, to: number, sequencer: string) =>
    index.apply(vectors.slice(from, to).map((vector, i) => put({ key: `k${from + i}`, sequencer }, vector)));
  await apply(0, N / 2, '1');
  await harness.compact();
  return { harness, index, apply };
}

describe('the graph on clustered vectors', () => {
  it('keeps its recall when it grows, and when points are replaced and deleted in it', async () => {
    const { harness, index, apply } = await filled();
    await apply(N / 2, N, '1');
    expect(await harness.compact()).toMatchObject({ rebuilt: false });
    await index.refresh();
    expect(await recallAt10(index)).toBeGreaterThan(0.98);

    await index.apply(Array.from({ length: 900 }, (_, i) => remove(`k${i * 3}`, '2')));
    expect(await harness.compact()).toMatchObject({ rebuilt: false, parts: N - 900 });
    await index.refresh();
    expect(await recallAt10(index)).toBeGreaterThan(0.98);

    await apply(0, 200, '3'); // reuses rows that were freed
    expect(await harness.compact()).toMatchObject({ rebuilt: false });
    await index.refresh();
    expect(await recallAt10(index)).toBeGreaterThan(0.98);
  });

  it('is built anew, without free rows, when too much of it was changed', async () => {
    const { harness, index } = await filled();
    await index.apply(Array.from({ length: 700 }, (_, i) => remove(`k${i}`, '2')));
    expect(await harness.compact()).toMatchObject({ rebuilt: true, parts: N / 2 - 700 });
    await index.refresh();
    expect(await recallAt10(index)).toBeGreaterThan(0.98);
  });
});

describe('graphs of projected points', { timeout: 120_000 }, () => {
  const wide = 128;
  const rows = 4300;
  const embedding = (seed: number) => embeddingLike(seed, wide, 40).draw(rows);
  const several = (matrix: Float32Array, from: number, to: number, modality: 'image' | 'text') =>
    Array.from({ length: to - from }, (_, i) =>
      put({ key: `${modality}${from + i}`, modality }, row(matrix, wide, from + i)),
    );

  it('keep the recall of each modality, also as they grow, and are built anew for vectors in other directions', async () => {
    const harness = await createHarness(wide);
    const index = await harness.open({ exactRows: 1000 });
    const [pictures, passages, others] = [embedding(1), embedding(2), embedding(3)];
    await index.apply([...several(pictures, 0, 4150, 'image'), ...several(passages, 0, 4150, 'text')]);
    await harness.compact();
    await index.refresh();
    const filterOf = (modality: string) =>
      ({ kind: 'compare', field: 'modality', comparison: { operator: 'equals', value: modality } }) as const;
    const recall = async (matrix: Float32Array, modality: string) => {
      let found = 0;
      for (let i = 4200; i < rows; i++) {
        const query = { vector: row(matrix, wide, i), limit: 10, filter: filterOf(modality) };
        const exact = await index.searchVectors({ ...query, exact: true });
        const graph = await index.searchVectors(query);
        expect([exact.plan, graph.plan]).toEqual(['exact', 'graph']);
        const keys = new Set(graph.hits.map(({ item }) => item.key));
        found += exact.hits.filter(({ item }) => keys.has(item.key)).length;
      }
      return found / ((rows - 4200) * 10);
    };
    expect(await recall(pictures, 'image')).toBeGreaterThan(0.98);
    expect(await recall(passages, 'text')).toBeGreaterThan(0.98);

    await index.apply(several(pictures, 4150, 4200, 'image'));
    expect(await harness.compact()).toMatchObject({ rebuilt: false });
    await index.refresh();
    expect(await recall(pictures, 'image')).toBeGreaterThan(0.98);

    await index.apply(several(others, 4200, 4300, 'image'));
    expect(await harness.compact()).toMatchObject({ rebuilt: true });
    await index.refresh();
    expect(await recall(pictures, 'image')).toBeGreaterThan(0.98);
  });
});
