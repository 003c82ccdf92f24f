/** Spaces that nobody has open: deletes that must reach them all the same, and the end of them. */

import type { Change } from '#shared/catalog/item.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type DeltaSpace, encodeDelta } from '#shared/vector-index/delta.ts';

/** Stores tombstones; the next compaction of the space removes what they hide. */
export async function buryInSpace(
  store: Pick<ObjectStore, 'put'>,
  space: DeltaSpace,
  tombstones: readonly Extract<Change, { operation: 'delete' }>[],
  nextUlid: () => string,
): Promise<void> {
  const { bytes, digest } = encodeDelta(tombstones, space);
  const key = spaceKeys(space.id).delta(nextUlid(), digest);
  await store.put(key, bytes, { ifAbsent: true, contentType: 'application/vnd.apache.arrow.file' });
}

/** Whether changes wait for a compaction. */
export async function hasDeltas(store: Pick<ObjectStore, 'list'>, id: string): Promise<boolean> {
  for await (const _ of store.list({ prefix: spaceKeys(id).deltas })) return true;
  return false;
}

/** Removes every file of the space. */
export async function eraseSpace(store: Pick<ObjectStore, 'list' | 'delete'>, id: string): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list({ prefix: spaceKeys(id).prefix })) keys.push(key);
  for (const key of keys) await store.delete(key);
}

/** What does not grow with the vectors. */
const CATALOG_FILE = /\.(?:sqlite|json)$/;

/** Bytes of the space in the store: those that grow with its vectors, and those that do not. */
export async function spaceBytes(store: Pick<ObjectStore, 'list'>, { id, dimensions }: DeltaSpace) {
  let [vectorBytes, otherBytes] = [0, 0];
  for (const { name, sizeBytes } of await spaceFiles(store, id)) {
    if (CATALOG_FILE.test(name)) otherBytes += sizeBytes;
    else vectorBytes += sizeBytes;
  }
  return { dimensions, vectorBytes, otherBytes };
}

/** Bytes of the space in the store, by the last part of their keys. */
export async function spaceFiles(
  store: Pick<ObjectStore, 'list'>,
  id: string,
): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
  const files: { name: string; sizeBytes: number }[] = [];
  for await (const { key, sizeBytes } of store.list({ prefix: spaceKeys(id).prefix })) {
    files.push({ name: key.slice(key.lastIndexOf('/') + 1), sizeBytes });
  }
  return files;
}
