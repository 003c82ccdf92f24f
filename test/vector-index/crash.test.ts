import { describe, expect, it } from 'vitest';
import type { Change } from '#shared/catalog/item.ts';
import { createManualClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { createFaultyObjectStore, type FaultPlan } from '../store/faulty-object-store.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { IndexModel } from './index-model.ts';
import { put, remove } from './sample-changes.ts';

const x = Float32Array.of(1, 0, 0, 0);
const y = Float32Array.of(0, 1, 0, 0);

/** Each step is one change and what follows it; `acknowledged` learns of the changes whose apply resolved. */
const CHANGES: Change[][] = [
  [put({ key: 'a', sequencer: '1' }, x), put({ key: 'b', sequencer: '1', title: 'alpha' }, y)],
  [put({ key: 'c', sequencer: '1' }, x, y), remove('a', '2'), put({ key: 'b', sequencer: '2', title: 'beta' }, y)],
];

const space = { id: 's', dimensions: 4 };

async function life(
  store: ObjectStore,
  scratchFolder: string,
  acknowledged: (changes: Change[]) => void,
): Promise<void> {
  const deps = { store, space, clock: createManualClock(), log: silentLog, scratchFolder };
  const index = await openIndex(deps);
  try {
    for (const changes of CHANGES) {
      await index.apply(changes);
      acknowledged(changes);
      await compact(deps);
      await index.refresh();
    }
  } finally {
    await index.close();
  }
}

async function crashAt(
  plan: FaultPlan,
  scratchFolder: string,
): Promise<{ inner: ObjectStore; done: number; failed: boolean }> {
  const inner = createMemoryObjectStore();
  const store = createFaultyObjectStore(inner, plan);
  let done = 0;
  await life(store, scratchFolder, () => {
    done++;
  }).catch((error) => {
    if (!store.failed) throw error;
  });
  return { inner, done, failed: store.failed };
}

/** The state after `done` acknowledged changes; one more may or may not have been stored. */
async function checkRecovery(inner: ObjectStore, done: number, scratchFolder: string): Promise<void> {
  const deps = { store: inner, space, clock: createManualClock(), log: silentLog, scratchFolder };
  let index = await openIndex(deps);
  const next = CHANGES[done]?.[0];
  const key = next && (next.operation === 'put' ? next.item : next);
  const stored = key !== undefined && (await index.latest(key.key))?.sequencer === key.sequencer;
  const model = new IndexModel();
  for (const changes of CHANGES.slice(0, done + (stored ? 1 : 0))) model.apply(changes);
  await model.check(index, [x, y], []);
  await compact(deps);
  await index.refresh();
  await model.check(index, [x, y], []);
  await index.close();
  index = await openIndex(deps);
  await model.check(index, [x, y], []);
  expect(index.statistics()).toMatchObject({ freshParts: 0, deltas: 0 });
  await index.close();
  await checkNothingLeftBehind(inner);
}

async function checkNothingLeftBehind(inner: ObjectStore): Promise<void> {
  const keys: string[] = [];
  for await (const info of inner.list()) keys.push(info.key);
  const generations = new Set(keys.flatMap((key) => /generation\/([^/]+)\//.exec(key)?.[1] ?? []));
  expect(generations.size).toBeLessThanOrEqual(1);
  expect(keys.filter((key) => key.includes('/delta/'))).toEqual([]);
}

describe('a crash at every operation of the store in turn', { timeout: 300_000 }, () => {
  it.each(['before', 'after', 'torn'] as const)('%s it takes effect loses nothing and leaves nothing', async (mode) => {
    const scratchFolder = await temporaryFolder();
    let operations = 0;
    for (let failAt = 1; ; failAt++) {
      const { inner, done, failed } = await crashAt({ failAt, mode, thenDead: true }, scratchFolder);
      if (!failed) break;
      operations++;
      await checkRecovery(inner, done, scratchFolder);
    }
    expect(operations).toBeGreaterThan(25);
  });

  it('and a fault that passes leaves a working index', async () => {
    const scratchFolder = await temporaryFolder();
    for (let failAt = 1; ; failAt++) {
      const { inner, done, failed } = await crashAt({ failAt, mode: 'before' }, scratchFolder);
      if (!failed) break;
      await checkRecovery(inner, done, scratchFolder);
    }
  });
});
