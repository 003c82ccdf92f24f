/** What the store says is live: the manifest and the deltas. Shared by readers and the compactor. */

import { ChiasmError } from '#shared/core/errors.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { GENERATION_FILES, type Manifest, parseGeneration, parseManifest } from './manifest.ts';

export interface LiveState {
  /** Names (the last part of the key) of all deltas in the store, folded or not, in ascending order. */
  readonly deltas: readonly string[];
  readonly manifest: Manifest | undefined;
  readonly manifestEtag: string | undefined;
}

/** A manifest that was read before, with the etag of its object. */
export interface KnownManifest {
  readonly manifest: Manifest;
  readonly etag: string;
}

/**
 * The deltas are listed before the manifest is read. A delta is removed only after a manifest that holds it was written,
 * so one that the listing lacks is in the generation that is read after it: nothing can fall between the two.
 * @param known its bytes are not sent again while it has not changed
 * @throws ChiasmError `state_corrupt` when the manifest is damaged, of another space, or lost
 */
export async function readLiveState(store: ObjectStore, space: string, known?: KnownManifest): Promise<LiveState> {
  const keys = spaceKeys(space);
  const deltas: string[] = [];
  for await (const { key } of store.list({ prefix: keys.deltas })) deltas.push(key.slice(keys.deltas.length));
  const stored = await (known ? store.getIfChanged(keys.manifest, known.etag) : store.get(keys.manifest));
  if (stored === 'unchanged') return { deltas, manifest: known!.manifest, manifestEtag: known!.etag };
  if (stored === undefined) {
    await refuseLostManifest(store, space, new Set(deltas));
    return { deltas, manifest: undefined, manifestEtag: undefined };
  }
  const manifest = parseManifest(stored.bytes, keys.manifest);
  if (manifest.space !== space) {
    throw new ChiasmError('state_corrupt', `${keys.manifest} belongs to space ${manifest.space}, expected ${space}`);
  }
  return { deltas, manifest, manifestEtag: stored.etag };
}

/** Digest in a delta's name; undefined for a file that is none. */
export function deltaDigest(name: string): string | undefined {
  return /^[0-9A-Z]{26}-([0-9a-f]{64})\.arrow$/.exec(name)?.[1];
}

/** The number in a key below the generations' prefix; undefined for a stray file. */
export function generationNumber(space: string, key: string): number | undefined {
  const number = /^(\d+)-[0-9A-Z]{26}\//.exec(key.slice(spaceKeys(space).generations.length))?.[1];
  return number === undefined ? undefined : Number(number);
}

/**
 * Without a manifest there may be leftovers of a first compaction that crashed: its deltas are all there still. If a
 * generation holds deltas that are gone, there was a manifest, and starting empty would hide the loss.
 */
async function refuseLostManifest(store: ObjectStore, space: string, deltas: ReadonlySet<string>): Promise<void> {
  const keys = spaceKeys(space);
  for await (const { key } of store.list({ prefix: keys.generations })) {
    if (!key.endsWith(`/${GENERATION_FILES.description}`)) continue;
    const stored = await store.get(key);
    if (stored === undefined) continue;
    const description = parseGeneration(stored.bytes, key);
    if (description.generation === 1 && description.folded.every((name) => deltas.has(name))) continue;
    if ((await store.head(keys.manifest)) !== undefined) return; // written since: the caller's next look finds it
    throw new ChiasmError(
      'state_corrupt',
      `${keys.manifest} is missing although ${key} was live once; restore the manifest, or remove ${keys.prefix} and reconcile`,
    );
  }
}
