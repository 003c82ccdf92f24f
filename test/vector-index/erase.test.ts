import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { silentLog } from '#shared/core/log.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { erase } from '#shared/vector-index/erase.ts';
import { createHarness } from './index-harness.ts';
import { put } from './sample-changes.ts';

const x = Float32Array.of(1, 0, 0, 0);

async function twoItems() {
  const harness = await createHarness(4);
  const index = await harness.open();
  await index.apply([put({ key: 'a', sequencer: '5' }, x), put({ key: 'b', sequencer: '5' }, x)]);
  await harness.compact();
  await index.refresh();
  return { harness, index, deps: { ...harness, index, log: silentLog } };
}

describe('erase', () => {
  it('answers with the files that hold nothing of the item, and their digests', async () => {
    const { harness, index, deps } = await twoItems();
    const receipt = await erase(deps, [{ key: 'a', sequencer: '6' }]);
    expect(receipt).toMatchObject({ keys: ['a'], generation: 2, erasedAt: '2026-01-01T00:00:00.000Z' });
    for (const { key, digest } of receipt.files) {
      const { bytes } = (await harness.store.get(key))!;
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(digest);
    }
    expect(receipt.removed.filter((key) => key.endsWith('graph-image.hnsw'))).toHaveLength(1);
    for (const key of receipt.removed) expect(await harness.store.head(key)).toBeUndefined();
    expect((await index.items({ limit: 9 })).map(({ key }) => key)).toEqual(['b']);
    expect(index.statistics()).toMatchObject({ generation: 2, freshParts: 0 });
  });

  it('does not claim to have erased what was written again later', async () => {
    const { index, deps } = await twoItems();
    await expect(erase(deps, [{ key: 'a', sequencer: '4' }])).rejects.toMatchObject({ code: 'conflict' });
    expect(await index.item('a')).toBeDefined();
  });

  it('fails when a replaced file cannot be removed, and succeeds when it can again', async () => {
    const { harness, deps } = await twoItems();
    let stuck = true;
    const store: ObjectStore = {
      ...harness.store,
      delete: async (key) => {
        if (stuck && key.endsWith('vectors.f32')) throw new Error('busy');
        return harness.store.delete(key);
      },
    };
    await expect(erase({ ...deps, store }, [{ key: 'a', sequencer: '6' }])).rejects.toMatchObject({
      code: 'storage_unavailable',
      retryable: true,
    });
    stuck = false;
    const { removed } = await erase({ ...deps, store }, [{ key: 'a', sequencer: '6' }]);
    expect(removed.filter((key) => key.endsWith('vectors.f32'))).toHaveLength(2); // the one left behind, and the one since
  });
});
