/** The spaces of former models that are kept: nobody has them open, but what is deleted or erased goes from them too. */

import type { Log } from '#shared/core/log.ts';
import { buryInSpace, hasDeltas, spaceFiles } from '#shared/spaces/kept-space.ts';
import type { KeptSpace } from '#shared/spaces/space-record.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { ErasureReceipt } from '#shared/vector-index/erase.ts';
import { createCompactionSchedule } from './compaction-schedule.ts';

export interface KeptSpacesDependencies {
  readonly stateStore: ObjectStore;
  readonly log: Log;
  readonly nextUlid: () => string;
  compactKept(space: KeptSpace): Promise<void>;
  eraseInKept(space: KeptSpace, key: string): Promise<ErasureReceipt>;
}

export interface KeptSpaces {
  /** Compacts what an earlier process has left in pieces. */
  start(): Promise<void>;
  /** A tombstone in each; they are compacted later. */
  remove(key: string): Promise<void>;
  /** Compacts at once what holds the item. */
  erase(key: string): Promise<ErasureReceipt[]>;
  withSizes(): Promise<(KeptSpace & { readonly sizeBytes: number })[]>;
  stop(): Promise<void>;
}

/** @param kept the spaces that are kept at this moment */
export function createKeptSpaces(deps: KeptSpacesDependencies, kept: () => readonly KeptSpace[]): KeptSpaces {
  const { stateStore, log, nextUlid } = deps;
  const dirty = new Set<string>();
  const compact = async () => {
    for (const space of kept().filter(({ id }) => dirty.has(id))) {
      await deps.compactKept(space);
      dirty.delete(space.id);
    }
  };
  const schedule = createCompactionSchedule(() => ({ freshParts: 0, deltas: dirty.size }), compact, log);
  return {
    start: async () => {
      for (const { id } of kept()) if (await hasDeltas(stateStore, id)) dirty.add(id);
      schedule.changed();
    },
    remove: async (key) => {
      for (const space of kept()) {
        await buryInSpace(stateStore, space, [{ operation: 'delete', key, sequencer: nextUlid() }], nextUlid);
        dirty.add(space.id);
      }
      if (kept().length > 0) schedule.changed();
    },
    erase: async (key) => {
      const receipts: ErasureReceipt[] = [];
      for (const space of kept()) receipts.push(await deps.eraseInKept(space, key));
      return receipts;
    },
    withSizes: () =>
      Promise.all(
        kept().map(async (space) => {
          const files = await spaceFiles(stateStore, space.id);
          return { ...space, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
        }),
      ),
    stop: () => schedule.stop(),
  };
}
