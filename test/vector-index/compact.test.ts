import { readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createHarness } from './index-harness.ts';
import { clusteredVectors, put, remove } from './sample-changes.ts';

const x = Float32Array.of(1, 0, 0, 0);
const y = Float32Array.of(0, 1, 0, 0);
const DAY_MS = 24 * 60 * 60 * 1000;

/** A store that waits for `gate` before the manifest is written. */
function holdingTheManifest(store: ObjectStore, gate: Promise<void>, reached: () => void = () => {}): ObjectStore {
  return {
    ...store,
    put: async (key, body, options) => {
      if (key === spaceKeys('test-space').manifest) {
        reached();
        await gate;
      }
      return store.put(key, body, options);
    },
  };
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list()) keys.push(key);
  return keys;
}

describe('compaction', () => {
  it('does nothing when there is nothing to fold', async () => {
    const harness = await createHarness(4);
    expect(await harness.compact()).toEqual({ kind: 'nothing', generation: 0, removed: [] });
    expect(await keysOf(harness.store)).toEqual([]);
  });

  it('leaves one generation, the manifest, and nothing in the scratch folder', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    for (const key of ['a', 'b', 'c']) {
      await index.apply([put({ key }, x)]);
      await harness.compact();
    }
    await index.close();
    const files = (await keysOf(harness.store)).map((key) => key.replace(/.*\/\d+-[0-9A-Z]{26}\//, ''));
    expect(files).toEqual([
      'catalog.sqlite',
      'generation.json',
      'graph-image.hnsw',
      'vectors.f32',
      'spaces/test-space/manifest.json',
    ]);
    expect(await readdir(harness.scratchFolder)).toEqual([]);
  });

  it('folds a backlog in rounds of bounded size', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    for (let i = 0; i < 5; i++) await index.apply([put({ key: `k${i}` }, x)]);
    expect(await harness.compact({ roundBytes: 1 })).toMatchObject({
      kind: 'compacted',
      generation: 5,
      foldedDeltas: 5,
    });
    await index.refresh();
    expect(index.statistics()).toMatchObject({ items: 5, deltas: 0 });
  });

  it('that loses the race starts again from the winner and folds what it held', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    await index.apply([put({ key: 'a' }, x)]);
    const gate = Promise.withResolvers<void>();
    const slow = harness.compact({ store: holdingTheManifest(harness.store, gate.promise) });
    await setImmediate();
    await index.apply([put({ key: 'b' }, y)]);
    expect(await harness.compact()).toMatchObject({ kind: 'compacted', generation: 1 });
    await index.apply([put({ key: 'c' }, y)]);
    gate.resolve();
    expect(await slow).toMatchObject({ kind: 'compacted', generation: 2 });
    await index.refresh();
    expect((await index.items({ limit: 9 })).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    expect(new Set((await keysOf(harness.store)).flatMap((key) => /generation\/(\d+)/.exec(key)?.[1] ?? []))).toEqual(
      new Set(['2']),
    );
  });

  it('leaves alone what another compactor is writing as the next generation', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    await index.apply([put({ key: 'a' }, x)]);
    const gate = Promise.withResolvers<void>();
    let next: Promise<unknown> | undefined;
    const { store } = harness;
    const meeting: ObjectStore = {
      ...store,
      list: async function* (options) {
        const swapped = (await store.head(spaceKeys('test-space').manifest)) !== undefined;
        if (swapped && next === undefined && options?.prefix?.endsWith('/generation/')) {
          await index.apply([put({ key: 'b' }, y)]);
          const written = Promise.withResolvers<void>();
          next = harness.compact({ store: holdingTheManifest(store, gate.promise, written.resolve) });
          await written.promise;
        }
        yield* store.list(options);
      },
    };
    expect(await harness.compact({ store: meeting })).toMatchObject({ kind: 'compacted', generation: 1 });
    gate.resolve();
    expect(await next).toMatchObject({ kind: 'compacted', generation: 2 });
    expect((await harness.open()).statistics()).toMatchObject({ generation: 2, items: 2 });
  });

  it('believes a refused swap only after a look: its own first answer may have got lost', async () => {
    const harness = await createHarness(4);
    await (await harness.open()).apply([put({ key: 'a' }, x)]);
    const { store } = harness;
    const repeating: ObjectStore = {
      ...store,
      put: async (key, body, options) => {
        const result = await store.put(key, body, options);
        return key.endsWith('manifest.json') ? store.put(key, body, options) : result;
      },
    };
    expect(await harness.compact({ store: repeating })).toMatchObject({ kind: 'compacted', generation: 1 });
    expect((await harness.open()).statistics()).toMatchObject({ generation: 1, items: 1 });
  });

  it('can be cancelled, and leaves the live state as it was', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    await index.apply([put({ key: 'a' }, x)]);
    await expect(harness.compact({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await keysOf(harness.store)).filter((key) => !key.includes('/delta/'))).toEqual([]);
    expect(await harness.compact()).toMatchObject({ kind: 'compacted' });
  });

  it('remembers deletes for the retention, so that a put that is delivered late stays away', async () => {
    const harness = await createHarness(4);
    const index = await harness.open();
    const late = put({ key: 'a', sequencer: '1' }, x);
    const fold = async () => {
      await harness.compact({ tombstoneRetentionMs: 10 * DAY_MS });
      await index.refresh();
    };
    await index.apply([late, remove('a', '2')]);
    await fold();
    harness.clock.advance(9 * DAY_MS);
    await index.apply([late]);
    await fold();
    expect(await index.item('a')).toBeUndefined();
    expect(await index.latest('a')).toEqual({ sequencer: '2', operation: 'delete' });
    harness.clock.advance(2 * DAY_MS);
    await index.apply([put({ key: 'b' }, y)]);
    await fold();
    expect(await index.latest('a')).toBeUndefined();
  });
});

describe('a reader during a swap', () => {
  it('sees at every moment exactly one state: all items, each with the newest content', {
    timeout: 120_000,
  }, async () => {
    const harness = await createHarness(16);
    const vectors = clusteredVectors(5, 300, 16, 8);
    const reader = await harness.open();
    const version = (n: number) =>
      vectors.map((vector, i) => put({ key: `k${i}`, sequencer: String(n), title: `v${n}` }, vector));
    await reader.apply(version(1));
    let done = false;
    let searches = 0;
    const searching = (async () => {
      while (!done) {
        const { hits } = await reader.searchVectors({ vector: vectors[searches % 300]!, limit: 300 });
        expect(new Set(hits.map(({ item }) => item.key)).size).toBe(300);
        expect(new Set(hits.map(({ item }) => item.title)).size).toBe(1);
        expect(reader.statistics()).toMatchObject({ items: 300, parts: 300 });
        searches++;
        await setImmediate();
      }
    })();
    for (let n = 2; n <= 6; n++) {
      await harness.compact({ rebuildShare: n % 2 });
      await reader.refresh();
      await reader.apply(version(n));
    }
    done = true;
    await searching;
    expect(searches).toBeGreaterThan(5);
  });

  it('is not stopped while the graph is built', async () => {
    const harness = await createHarness(64);
    const vectors = clusteredVectors(5, 1500, 64, 8);
    const index = await harness.open();
    await index.apply(vectors.map((vector, i) => put({ key: `k${i}` }, vector)));
    let finished = false;
    const compaction = harness.compact().finally(() => {
      finished = true;
    });
    let searchesMeanwhile = 0;
    while (!finished) {
      await index.searchVectors({ vector: vectors[0]!, limit: 10 });
      searchesMeanwhile++;
      await setImmediate();
    }
    await compaction;
    expect(searchesMeanwhile).toBeGreaterThan(20);
  });

  it('starts again when a compactor removes the files that it is opening', async () => {
    const harness = await createHarness(4);
    const writer = await harness.open();
    await writer.apply([put({ key: 'a' }, x)]);
    await harness.compact();
    const { store } = harness;
    let overtaken = false;
    const racing: ObjectStore = {
      ...store,
      localPath: async (key, folder) => {
        if (!overtaken) {
          overtaken = true;
          await writer.apply([put({ key: 'b' }, y)]);
          await harness.compact();
        }
        return store.localPath(key, folder);
      },
    };
    const reader = await harness.open({ store: racing });
    expect(reader.statistics()).toMatchObject({ generation: 2, items: 2 });
  });
});
