/** Erasing items at once: a tombstone, a compaction, and a look that nothing was left; the receipt says what was written. */

import { ChiasmError } from '#shared/core/errors.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type CompactDependencies, type CompactOptions, compact } from './compact.ts';
import type { DeltaSpace } from './delta.ts';
import { readLiveState } from './live-state.ts';
import { GENERATION_FILES, parseGeneration } from './manifest.ts';
import { replacedKeys } from './remove-replaced.ts';
import type { VectorIndex } from './vector-index.ts';

export interface ErasureReceipt {
  readonly keys: readonly string[];
  /** ISO 8601 UTC: when nothing of the items was left in the store. */
  readonly erasedAt: string;
  /** The generation that holds nothing of them. */
  readonly generation: number;
  /** Its files with their SHA-256. */
  readonly files: readonly { readonly key: string; readonly digest: string }[];
  /** Files that held something of them, or of anything else that was replaced, and were removed. */
  readonly removed: readonly string[];
}

/** Of one item in several spaces, as one receipt: the first one's, with the files of all. */
export function mergeReceipts(receipts: readonly [ErasureReceipt, ...ErasureReceipt[]]): ErasureReceipt {
  return {
    ...receipts[0],
    erasedAt: receipts.at(-1)!.erasedAt,
    files: receipts.flatMap(({ files }) => files),
    removed: receipts.flatMap(({ removed }) => removed),
  };
}

export interface EraseDependencies extends CompactDependencies {
  readonly index: VectorIndex;
}

/**
 * Deletes the items and compacts. `sequencer` orders the delete among the writes of each key and must be newer than them.
 * Readers in other processes drop their copies in memory and scratch folders at their next refresh.
 * @throws ChiasmError `conflict` (retryable) when other compactors won every time; `storage_unavailable` (retryable) when
 * a replaced file could not be removed. The items stay hidden in both cases.
 */
export async function erase(
  { index, ...deps }: EraseDependencies,
  items: readonly { readonly key: string; readonly sequencer: string }[],
  options: CompactOptions = {},
): Promise<ErasureReceipt> {
  await index.apply(items.map(({ key, sequencer }) => ({ operation: 'delete', key, sequencer })));
  for (const { key } of items) {
    if ((await index.latest(key))?.operation === 'delete') continue;
    throw new ChiasmError('conflict', `"${key}" was written again after the time of its erasure; erase it again`);
  }
  const outcome = await compact(deps, options);
  if (outcome.kind === 'lost') {
    throw new ChiasmError('conflict', 'other compactions were faster every time; erase again', { retryable: true });
  }
  await index.refresh();
  const { generation, files } = await checkNothingLeft(deps.store, deps.space);
  const erasedAt = new Date(deps.clock.now()).toISOString();
  return { keys: items.map(({ key }) => key), erasedAt, generation, files, removed: outcome.removed };
}

async function checkNothingLeft(store: ObjectStore, space: DeltaSpace) {
  const { manifest } = await readLiveState(store, space.id);
  if (manifest === undefined) return { generation: 0, files: [] };
  const prefix = spaceKeys(space.id).generation(manifest.generation, manifest.ulid);
  const key = prefix + GENERATION_FILES.description;
  const stored = await store.get(key);
  if (stored === undefined)
    throw new ChiasmError('conflict', `${key} was replaced meanwhile; erase again`, { retryable: true });
  const description = parseGeneration(stored.bytes, key);
  const left = await replacedKeys(store, space, manifest, new Set(description.folded));
  if (left.length > 0) {
    throw new ChiasmError('storage_unavailable', `could not remove ${left.join(', ')}; erase again`, {
      retryable: true,
    });
  }
  const files = Object.entries(description.files).map(([name, { digest }]) => ({ key: prefix + name, digest }));
  return { generation: manifest.generation, files: [...files, { key, digest: manifest.digest }] };
}
