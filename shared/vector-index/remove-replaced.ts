/**
 * Removing what a live generation replaces. Safe at once: a reader holds open or in memory what it serves, and one that
 * finds a file gone while opening starts again from the manifest, which by then names a newer generation.
 */

import { toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { DeltaSpace } from './delta.ts';
import { generationNumber } from './live-state.ts';
import type { Manifest } from './manifest.ts';

interface RemoveDependencies {
  readonly store: ObjectStore;
  readonly space: DeltaSpace;
  readonly log: Log;
}

/**
 * Removes folded deltas and the files of all generations up to the live one's number except the live one. A generation
 * that another compactor is still writing has a greater number, or has lost already. What cannot be removed now is
 * logged and removed by the next compaction. Returns the keys that were removed.
 */
export async function removeReplaced(
  deps: RemoveDependencies,
  live: Manifest,
  folded: ReadonlySet<string>,
): Promise<string[]> {
  return removeKeys(deps, await replacedKeys(deps.store, deps.space, live, folded));
}

/** The keys of what `live` replaces and is still in the store. */
export async function replacedKeys(
  store: ObjectStore,
  space: DeltaSpace,
  live: Manifest,
  folded: ReadonlySet<string>,
): Promise<string[]> {
  const keys = spaceKeys(space.id);
  const livePrefix = keys.generation(live.generation, live.ulid);
  const replaced: string[] = [];
  for await (const { key } of store.list({ prefix: keys.generations })) {
    const number = generationNumber(space.id, key);
    if (number !== undefined && number <= live.generation && !key.startsWith(livePrefix)) replaced.push(key);
  }
  for await (const { key } of store.list({ prefix: keys.deltas })) {
    if (folded.has(key.slice(keys.deltas.length))) replaced.push(key);
  }
  return replaced;
}

/** Removes the files of a generation that lost. */
export async function removeGeneration(deps: RemoveDependencies, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of deps.store.list({ prefix })) keys.push(key);
  return removeKeys(deps, keys);
}

async function removeKeys({ store, log }: RemoveDependencies, keys: readonly string[]): Promise<string[]> {
  const removed: string[] = [];
  for (const key of keys) {
    try {
      await store.delete(key);
      removed.push(key);
    } catch (error) {
      log.warn('compaction.left_behind', { key, error: toChiasmError(error) });
    }
  }
  return removed;
}
