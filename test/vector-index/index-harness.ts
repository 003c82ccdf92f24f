/** One store, and indexes and compactions over it as separate processes would have them. */

import { onTestFinished } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type CompactOptions, compact } from '#shared/vector-index/compact.ts';
import { type OpenIndexOptions, openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';

export interface Harness {
  readonly store: ObjectStore;
  readonly space: { readonly id: string; readonly dimensions: number };
  readonly clock: ReturnType<typeof createManualClock>;
  readonly scratchFolder: string;
  open(options?: OpenIndexOptions & { readonly store?: ObjectStore }): Promise<VectorIndex>;
  compact(options?: CompactOptions & { readonly store?: ObjectStore }): ReturnType<typeof compact>;
}

export async function createHarness(
  dimensions: number,
  store: ObjectStore = createMemoryObjectStore(),
): Promise<Harness> {
  const space = { id: 'test-space', dimensions };
  const clock = createManualClock();
  const scratchFolder = await temporaryFolder();
  const deps = { store, space, clock, log: silentLog, scratchFolder };
  const opened: VectorIndex[] = [];
  onTestFinished(async () => {
    await Promise.all(opened.map((index) => index.close()));
  });
  return {
    ...deps,
    open: async ({ store: other = store, ...options } = {}) => {
      const index = await openIndex({ ...deps, store: other }, options);
      opened.push(index);
      return index;
    },
    compact: ({ store: other = store, ...options } = {}) => compact({ ...deps, store: other }, options),
  };
}
