import { describe, expect, it } from 'vitest';
import { measureRecall } from '#shared/vector-index/measure-recall.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, remove, seededRandom } from './sample-changes.ts';

const D = 24;

async function filled(options: { ef?: number } = {}) {
  const harness = await createHarness(D);
  const writer = await harness.open();
  const vectors = clusteredVectors(21, 3000, D, 30);
  await writer.apply(vectors.map((vector, i) => put({ key: `k${i}`, attributes: { n: i } }, vector)));
  await harness.compact({ graph: { m: 4, efConstruction: 16, seed: 1 } });
  return { index: await harness.open({ exactRows: 1000, ...options }), harness };
}

describe('measureRecall', () => {
  it('is 1 with an honest interval where the plan is exact', async () => {
    const index = await (await createHarness(D)).open();
    expect(await measureRecall(index)).toEqual({
      recall: 1,
      samples: 0,
      k: 10,
      plan: 'exact',
      confidenceInterval: [0, 1],
    });
    await index.apply(clusteredVectors(1, 40, D, 4).map((vector, i) => put({ key: `k${i}` }, vector)));
    const estimate = await measureRecall(index, { samples: 20, k: 5, random: seededRandom(1) });
    expect(estimate).toMatchObject({ recall: 1, samples: 20, k: 5, plan: 'exact' });
    expect(estimate.confidenceInterval[0]).toBeLessThan(1);
  });

  it('sees that a poor graph loses results, and that a larger ef finds more', async () => {
    const { index } = await filled({ ef: 1 });
    const poor = await measureRecall(index, { samples: 100, random: seededRandom(1) });
    expect(poor.plan).toBe('graph');
    expect(poor.recall).toBeLessThan(0.95);
    const { index: better } = await filled({ ef: 400 });
    const good = await measureRecall(better, { samples: 100, random: seededRandom(1) });
    expect(good.recall).toBeGreaterThan(poor.recall);
    expect(good.confidenceInterval[0]).toBeLessThanOrEqual(good.recall);
  });

  it('measures under a filter, with the plan that the filter gets', async () => {
    const { index } = await filled();
    const filter = { kind: 'compare', field: 'n', comparison: { operator: 'lt', value: 30 } } as const;
    expect(await measureRecall(index, { filter, samples: 10 })).toMatchObject({ recall: 1, plan: 'exact' });
  });

  it('counts only the queries that have something to find', async () => {
    const { index } = await filled();
    const filter = { kind: 'compare', field: 'n', comparison: { operator: 'lt', value: 0 } } as const;
    expect(await measureRecall(index, { filter, samples: 10 })).toMatchObject({
      samples: 0,
      confidenceInterval: [0, 1],
    });
  });

  it('agrees with a count by hand', async () => {
    const { index } = await filled({ ef: 1 });
    const { recall } = await measureRecall(index, { samples: 3000, k: 1 });
    expect(recall).toBeCloseTo(await selfRecall(index), 6);
  });
});

/** Share of parts that are found first by their own vector. */
async function selfRecall(index: VectorIndex): Promise<number> {
  let found = 0;
  for (let i = 0; i < 3000; i++) {
    const vector = (await index.item(`k${i}`))!.parts[0]!.vector!;
    const { hits } = await index.searchVectors({ vector, limit: 1 });
    if (hits[0]!.item.key === `k${i}`) found++;
  }
  return found / 3000;
}

describe('sampled vectors', () => {
  it('are of different visible parts, folded and fresh', async () => {
    const { index } = await filled();
    await index.apply([
      remove('k0', '2'),
      ...clusteredVectors(8, 5, D, 2).map((vector, i) => put({ key: `f${i}` }, vector)),
    ]);
    const vectors = await index.sampleVectors(10_000, seededRandom(3));
    expect(vectors).toHaveLength(3004);
    expect(new Set(vectors.map(String)).size).toBe(3004);
    expect(await index.sampleVectors(7)).toHaveLength(7);
  });
});
