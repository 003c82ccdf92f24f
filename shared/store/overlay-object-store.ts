/**
 * A writable store over read-only ones, like a union file system. Reads look in the upper store, then in the lower ones in
 * order; writes go to the upper one, where they hide what lies below. Deleting an object of a lower store leaves it alone
 * and puts a *whiteout* into the upper one, which hides exactly this version: when the lower object changes, it is back.
 * So Chiasm never touches the files of folders that a user gave it, and a user who replaces a file sees it again.
 *
 * A condition on an object of a lower store is checked before the write to the upper one, not in one step with it.
 */

import { createHash } from 'node:crypto';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { ListOptions, ObjectInfo, ObjectMetadata, ObjectStore, PutOptions, PutResult } from './object-store.ts';

export interface LowerStore {
  /** Stays the same over restarts: whiteouts are kept under it. For a folder its absolute path will do. */
  readonly name: string;
  readonly store: ObjectStore;
}

/** Whiteouts lie below this; keys of objects must not. */
const WHITEOUTS = '.chiasm-whiteouts/';

export function createOverlayObjectStore(upper: ObjectStore, lowers: readonly LowerStore[]): ObjectStore {
  async function isHidden(lower: LowerStore, info: ObjectInfo): Promise<boolean> {
    return (await upper.head(whiteoutKey(lower, info))) !== undefined;
  }

  /** The first lower object at `key` that no whiteout hides. */
  async function findLower(
    key: string,
  ): Promise<{ store: ObjectStore; info: ObjectInfo & ObjectMetadata } | undefined> {
    for (const lower of lowers) {
      const info = await lower.store.head(key);
      if (info !== undefined && !(await isHidden(lower, info))) return { store: lower.store, info };
    }
    return undefined;
  }

  /** Reads the upper object, or else the lower one that is visible. */
  async function read<Result>(key: string, from: (store: ObjectStore) => Promise<Result | undefined>) {
    refuseReserved(key);
    const found = await from(upper);
    if (found !== undefined) return found;
    const lower = await findLower(key);
    return lower && from(lower.store);
  }

  async function put(key: string, body: Parameters<ObjectStore['put']>[1], options: PutOptions): Promise<PutResult> {
    refuseReserved(key);
    const { ifAbsent, ifMatch, ...beside } = options;
    if ((!ifAbsent && ifMatch === undefined) || (await upper.head(key)) !== undefined) {
      return upper.put(key, body, options);
    }
    const below = await findLower(key);
    const holds = ifAbsent ? below === undefined : below?.info.etag === ifMatch;
    if (holds) return upper.put(key, body, { ...beside, ifAbsent: true });
    if (!(body instanceof Uint8Array)) body.destroy();
    return { written: false };
  }

  /** Hides the present version of every lower object at `key` and drops the whiteouts of versions that are gone. */
  async function hideLowers(key: string): Promise<void> {
    const needed = new Set<string>();
    for (const lower of lowers) {
      const info = await lower.store.head(key);
      if (info !== undefined) needed.add(whiteoutKey(lower, info));
    }
    for (const whiteout of needed) await upper.put(whiteout, Buffer.from(key));
    for await (const { key: old } of upper.list({ prefix: whiteoutFolder(key) })) {
      if (!needed.has(old)) await upper.delete(old);
    }
  }

  async function* listUpper(options: ListOptions): AsyncGenerator<ObjectInfo> {
    for await (const info of upper.list(options)) if (!info.key.startsWith(WHITEOUTS)) yield info;
  }

  async function* listLower(lower: LowerStore, options: ListOptions, whiteouts: ReadonlySet<string>) {
    for await (const info of lower.store.list(options)) {
      if (info.key.startsWith(WHITEOUTS)) continue;
      if (whiteouts.size === 0 || !whiteouts.has(whiteoutKey(lower, info))) yield info;
    }
  }

  async function* list(options: ListOptions): AsyncGenerator<ObjectInfo> {
    const whiteouts = new Set<string>();
    for await (const { key } of upper.list({ prefix: WHITEOUTS })) whiteouts.add(key);
    yield* mergeListings([listUpper(options), ...lowers.map((lower) => listLower(lower, options, whiteouts))]);
  }

  return {
    get: (key, options) => read(key, (store) => store.get(key, options)),
    getIfChanged: (key, etag) => read(key, (store) => store.getIfChanged(key, etag)),
    stream: (key, options) => read(key, (store) => store.stream(key, options)),
    head: (key) => read(key, (store) => store.head(key)),
    localPath: (key, folder) => read(key, (store) => store.localPath(key, folder)),
    put: (key, body, options = {}) => put(key, body, options),
    async delete(key) {
      refuseReserved(key);
      await hideLowers(key); // first, or the object below would show for a moment
      await upper.delete(key);
    },
    list: (options = {}) => list(options),
  };
}

function whiteoutFolder(key: string): string {
  return `${WHITEOUTS}${digest(key)}/`;
}

/** Its name says all: the key, the store and the version that it hides. */
function whiteoutKey(lower: LowerStore, info: ObjectInfo): string {
  return whiteoutFolder(info.key) + digest(JSON.stringify([lower.name, info.etag]));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function refuseReserved(key: string): void {
  if (!key.startsWith(WHITEOUTS)) return;
  throw new ChiasmError('invalid_key', `keys below ${JSON.stringify(WHITEOUTS)} are reserved; choose another one`);
}

/** One ascending listing out of several; of equal keys the earliest listing's counts. */
async function* mergeListings(listings: readonly AsyncGenerator<ObjectInfo>[]): AsyncGenerator<ObjectInfo> {
  const heads = await Promise.all(listings.map((listing) => listing.next()));
  try {
    for (;;) {
      let first: ObjectInfo | undefined;
      for (const { done, value } of heads) {
        if (!done && (first === undefined || compareKeys(value.key, first.key) < 0)) first = value;
      }
      if (first === undefined) return;
      for (const [i, head] of heads.entries()) {
        if (!head.done && head.value.key === first.key) heads[i] = await listings[i]!.next();
      }
      yield first;
    }
  } finally {
    await Promise.all(listings.map((listing) => listing.return(undefined)));
  }
}
