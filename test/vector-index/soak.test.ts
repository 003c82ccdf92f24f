/**
 * Writers, deletes, searches and compactions at the same time on one store in a folder, and a look at the end that nothing
 * was lost and nothing came back. Ten seconds; `CHIASM_SOAK_SECONDS=120 npx vitest run test/vector-index/soak.test.ts` for more.
 */

import { describe, expect, it } from 'vitest';
import { dot } from '#shared/core/vector.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, randomVector, remove, seededRandom } from './sample-changes.ts';

const SECONDS = Number(process.env.CHIASM_SOAK_SECONDS ?? 10);
const D = 16;
const WRITERS = 2;
const KEYS = 400;
const MODALITIES = ['image', 'text'] as const;

interface Live {
  readonly sequencer: string;
  readonly vector: Float32Array;
}

describe('an index under concurrent writes, deletes, searches and compactions', () => {
  it('holds its invariants', { timeout: (SECONDS + 120) * 1000 }, async () => {
    const harness = await createHarness(D, createFileObjectStore(await temporaryFolder()));
    const indexes = await Promise.all(Array.from({ length: WRITERS + 1 }, () => harness.open({ exactRows: 50 })));
    const reader = indexes[WRITERS]!;
    const pool = clusteredVectors(1, 1000, D, 12);
    const expected = new Map<string, Live | undefined>();
    const endMs = performance.now() + SECONDS * 1000;
    let sequence = 0;
    const counts = { writes: 0, searches: 0, compactions: 0 };
    const running = () => performance.now() < endMs;

    /** Each writer has keys of its own, so that the order of its writes is the order of the sequencers. */
    const write = async (index: VectorIndex, writer: number) => {
      const random = seededRandom(writer + 10);
      while (running()) {
        const numbers = new Set(Array.from({ length: 12 }, () => Math.floor(random() * KEYS)));
        const changes = [...numbers].map((n) => {
          const key = `w${writer}/k${n}`;
          const sequencer = String(++sequence).padStart(9, '0');
          if (random() < 0.3) return { key, change: remove(key, sequencer), live: undefined };
          const vector = pool[Math.floor(random() * pool.length)]!;
          const item = { key, sequencer, modality: MODALITIES[n % 2]!, attributes: { n } };
          return { key, change: put(item, vector), live: { sequencer, vector } };
        });
        await index.apply(changes.map(({ change }) => change));
        for (const { key, live } of changes) {
          expected.set(key, live);
          expect((await index.item(key))?.item.sequencer).toBe(live?.sequencer);
        }
        counts.writes += changes.length;
      }
    };

    const search = async () => {
      const random = seededRandom(99);
      while (running()) {
        const modality = MODALITIES[counts.searches % 2]!;
        const filter = {
          kind: 'compare',
          field: 'modality',
          comparison: { operator: 'equals', value: modality },
        } as const;
        const query = { vector: randomVector(random, D), limit: 10, filter };
        const { hits } = await reader.searchVectors(query);
        expect(hits.every(({ item }) => item.modality === modality)).toBe(true);
        expect(new Set(hits.map(({ item }) => item.key)).size).toBe(hits.length);
        expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
        for (const { vector, score } of hits) expect(score).toBe(dot(query.vector, vector));
        counts.searches += 1;
        if (counts.searches % 20 === 0) await reader.refresh();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };

    const fold = async () => {
      while (running()) {
        await harness.compact();
        counts.compactions += 1;
        await Promise.all(indexes.slice(0, WRITERS).map((index) => index.refresh()));
      }
    };

    await Promise.all([...indexes.slice(0, WRITERS).map(write), search(), fold(), fold()]);
    expect(Math.min(counts.writes, counts.searches, counts.compactions)).toBeGreaterThan(0);

    const check = async (index: VectorIndex) => {
      const live = [...expected].flatMap(([key, one]) => (one === undefined ? [] : [{ key, ...one }]));
      const found: string[] = [];
      for await (const { key } of index.etags()) found.push(key);
      expect(found.sort()).toEqual(live.map(({ key }) => key).sort());
      expect(index.statistics()).toMatchObject({ items: live.length, parts: live.length });
      expect(index.statistics().degraded).toBeUndefined();
      for (const vector of pool.slice(0, 20)) {
        const { hits } = await index.searchVectors({ vector, limit: 15, exact: true });
        const scores = live.map((one) => dot(vector, one.vector)).sort((a, b) => b - a);
        expect(hits.map(({ score }) => score)).toEqual(scores.slice(0, 15));
        for (const { item } of hits) expect(item.sequencer).toBe(expected.get(item.key)?.sequencer);
      }
    };
    for (const index of indexes) {
      await index.refresh();
      await check(index);
    }
    await harness.compact();
    await check(await harness.open());
  });
});
