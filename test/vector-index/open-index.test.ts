import { describe, expect, it } from 'vitest';
import type { Filter } from '#shared/catalog/filter.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, remove } from './sample-changes.ts';
import { vectorIndexContract } from './vector-index-contract.ts';

vectorIndexContract(async () => (await createHarness(4)).open());

const x = Float32Array.of(1, 0, 0, 0);
const y = Float32Array.of(0, 1, 0, 0);

describe('the embedded index', () => {
  it('finds everything again after a restart, from a folder', async () => {
    const harness = await createHarness(4, createFileObjectStore(await temporaryFolder()));
    const index = await harness.open();
    await index.apply([put({ key: 'a' }, x)]);
    await harness.compact();
    await index.apply([put({ key: 'b' }, y)]);
    await index.close();
    const again = await harness.open();
    const { hits } = await again.searchVectors({ vector: x, limit: 5 });
    expect(hits.map(({ item }) => item.key)).toEqual(['a', 'b']);
    expect(again.statistics()).toMatchObject({ generation: 1, items: 2, parts: 2, freshParts: 1, deltas: 1 });
  });

  it('shows what another writer stored after a refresh', async () => {
    const harness = await createHarness(4);
    const [one, two] = [await harness.open(), await harness.open()];
    await one.apply([put({ key: 'a' }, x)]);
    expect(await two.item('a')).toBeUndefined();
    await two.refresh();
    expect((await two.item('a'))?.item.key).toBe('a');
  });

  it('loses nothing that is applied while a refresh opens another generation', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    await index.apply([put({ key: 'a' }, x)]);
    await harness.compact();
    await Promise.all([index.refresh(), ...['b', 'c', 'd'].map((key) => index.apply([put({ key }, y)]))]);
    expect((await index.items({ limit: 9 })).map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
    expect(index.statistics()).toMatchObject({ generation: 1, deltas: 3 });
  });

  it.each([
    ['the first generation', 0],
    ['a later generation', 1],
  ])('misses nothing when a compaction to %s happens between its two looks at the store', async (_, earlier) => {
    const harness = await createHarness(4);
    const writer = await harness.open();
    for (let i = 0; i < earlier; i++) {
      await writer.apply([put({ key: 'a' }, x)]);
      await harness.compact();
    }
    let looks = Number.NEGATIVE_INFINITY;
    const betweenLooks = async () => {
      if (++looks === 2) await harness.compact();
    };
    const racing: ObjectStore = {
      ...harness.store,
      get: async (key, options) => {
        if (key.endsWith('manifest.json')) await betweenLooks();
        return harness.store.get(key, options);
      },
      getIfChanged: async (key, etag) => {
        await betweenLooks();
        return harness.store.getIfChanged(key, etag);
      },
      list: async function* (options) {
        if (options?.prefix?.endsWith('/delta/')) await betweenLooks();
        yield* harness.store.list(options);
      },
    };
    const reader = await harness.open({ store: racing });
    await writer.apply([put({ key: 'b' }, y)]);
    looks = 0;
    await reader.refresh();
    expect((await reader.items({ limit: 9 })).map(({ key }) => key)).toEqual(earlier ? ['a', 'b'] : ['b']);
  });

  it('does not read a manifest again that has not changed, and tries its generation again that could not be opened', async () => {
    const harness = await createHarness(4);
    const writer = await harness.open();
    await writer.apply([put({ key: 'a' }, x)]);
    await harness.compact();
    const looks: string[] = [];
    let broken = false;
    const store: ObjectStore = {
      ...harness.store,
      get: async (key, options) => {
        if (key.endsWith('manifest.json')) looks.push('read');
        if (broken && key.endsWith('generation.json')) throw new Error('the network is down');
        return harness.store.get(key, options);
      },
      getIfChanged: async (key, etag) => {
        const answer = await harness.store.getIfChanged(key, etag);
        looks.push(answer === 'unchanged' ? answer : 'read again');
        return answer;
      },
    };
    const reader = await harness.open({ store });
    await reader.refresh();
    expect(looks).toEqual(['read', 'unchanged']);
    await writer.apply([put({ key: 'b' }, y)]);
    await harness.compact();
    broken = true;
    await reader.refresh();
    expect(reader.statistics()).toMatchObject({ generation: 1, degraded: expect.stringContaining('network') });
    broken = false;
    await reader.refresh();
    expect(reader.statistics()).toMatchObject({ generation: 2, items: 2 });
    expect(reader.statistics().degraded).toBeUndefined();
    expect(looks.slice(2)).toEqual(['read again', 'unchanged']);
  });

  it('takes in what was stored before refresh was called, even while another refresh runs', async () => {
    const harness = await createHarness(4);
    const [reader, writer] = [await harness.open(), await harness.open()];
    const first = reader.refresh();
    await writer.apply([put({ key: 'a' }, x)]);
    await Promise.all([first, reader.refresh()]);
    expect(await reader.item('a')).toBeDefined();
  });

  it('hides shadowed rows of the generation and still fills k', async () => {
    const harness = await createHarness(16);
    const vectors = clusteredVectors(3, 3000, 16, 5);
    const index = await harness.open({ exactRows: 1000 });
    for (let i = 0; i < vectors.length; i += 500) {
      await index.apply(vectors.slice(i, i + 500).map((vector, j) => put({ key: `k${i + j}` }, vector)));
    }
    await harness.compact();
    await index.refresh();
    const best = (await index.searchVectors({ vector: vectors[0]!, limit: 60, exact: true })).hits;
    await index.apply(best.slice(0, 50).map(({ item }) => remove(item.key, '0002')));
    const { hits, plan } = await index.searchVectors({ vector: vectors[0]!, limit: 10 });
    expect(plan).toBe('graph');
    expect(hits.map(({ item }) => item.key)).toEqual(best.slice(50).map(({ item }) => item.key));
  });

  it('scans a rare match exactly and walks the graph for a common one', async () => {
    const harness = await createHarness(16);
    const vectors = clusteredVectors(3, 4000, 16, 20);
    const index = await harness.open({ exactRows: 1000 });
    await index.apply(vectors.map((vector, i) => put({ key: `k${i}`, attributes: { n: i } }, vector)));
    await harness.compact();
    await index.refresh();
    const below = (value: number): Filter => ({ kind: 'compare', field: 'n', comparison: { operator: 'lt', value } });
    const search = (filter: Filter, exact: boolean) =>
      index.searchVectors({ vector: vectors[3999]!, limit: 10, filter, exact });
    for (const [matches, plan] of [
      [5, 'exact'],
      [100, 'exact'],
      [3900, 'graph'],
    ] as const) {
      const answer = await search(below(matches), false);
      const exact = await search(below(matches), true);
      expect(answer.plan).toBe(plan);
      expect(exact.plan).toBe('exact');
      expect(answer.hits).toHaveLength(Math.min(10, matches));
      const found = new Set(answer.hits.map(({ item }) => item.key));
      expect(exact.hits.filter(({ item }) => found.has(item.key)).length).toBeGreaterThanOrEqual(
        answer.hits.length - 1,
      );
    }
  });

  it('refuses a batch that is too large for one delta', async () => {
    const index = await (await createHarness(4)).open();
    const text = 'x'.repeat(30_000_000);
    await expect(index.apply([put({ key: 'a' }, { text })])).rejects.toMatchObject({ code: 'too_large' });
  });

  it('refuses work after it was closed', async () => {
    const index = await (await createHarness(4)).open();
    await index.close();
    await expect(index.item('a')).rejects.toThrow(/closed/);
  });
});
