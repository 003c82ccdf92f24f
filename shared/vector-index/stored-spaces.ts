/** The spaces that a state store holds, by what is stored: for programs that work on an index without its model. */

import { ChiasmError } from '#shared/core/errors.ts';
import { SPACES_PREFIX, spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type DeltaSpace, readDeltaSpace } from './delta.ts';
import { deltaDigest, readLiveState } from './live-state.ts';
import { GENERATION_FILES, parseGeneration } from './manifest.ts';

/** Ids in ascending order; one request of the store for each. */
export async function* listSpaceIds(store: Pick<ObjectStore, 'list'>): AsyncGenerator<string> {
  for (let startAfter: string | undefined; ; ) {
    const listing = store.list({ prefix: SPACES_PREFIX, ...(startAfter !== undefined && { startAfter }) });
    const next = await listing[Symbol.asyncIterator]().next();
    if (next.done) return;
    const [id = ''] = next.value.key.slice(SPACES_PREFIX.length).split('/', 1);
    yield id;
    startAfter = `${spaceKeys(id).prefix}\u{10ffff}`;
  }
}

export interface StoredSpace {
  /** Undefined for a space that nothing was stored in yet. */
  readonly space: DeltaSpace | undefined;
  /** Deltas in the store. Compaction removes them after they were folded. */
  readonly deltas: number;
}

/** @throws ChiasmError `state_corrupt` when the generation's description is missing or damaged */
export async function readStoredSpace(store: ObjectStore, id: string): Promise<StoredSpace> {
  const { deltas, manifest } = await readLiveState(store, id);
  const named = deltas.filter((name) => deltaDigest(name) !== undefined);
  if (manifest !== undefined) {
    const key = spaceKeys(id).generation(manifest.generation, manifest.ulid) + GENERATION_FILES.description;
    const stored = await store.get(key);
    if (stored === undefined) throw new ChiasmError('state_corrupt', `${key} is missing`, { retryable: true });
    return { space: { id, dimensions: parseGeneration(stored.bytes, key).dimensions }, deltas: named.length };
  }
  const [first] = named;
  const stored = first === undefined ? undefined : await store.get(spaceKeys(id).deltas + first);
  return { space: stored && readDeltaSpace(stored.bytes, first!), deltas: named.length };
}

/** Every other space that something is stored in: of the model before, or of one to come. */
export async function otherSpaces(store: ObjectStore, id: string): Promise<readonly DeltaSpace[]> {
  const others: DeltaSpace[] = [];
  for await (const other of listSpaceIds(store)) {
    const space = other === id ? undefined : (await readStoredSpace(store, other)).space;
    if (space !== undefined) others.push(space);
  }
  return others;
}
