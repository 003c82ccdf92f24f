/**
 * The embedded index over an object store: a generation, and the deltas that it does not hold overlaid on it.
 * `SPEC.md` states what it promises.
 */

import { rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Change } from '#shared/catalog/item.ts';
import { parseWords } from '#shared/catalog/words.ts';
import type { Clock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import { createUlidGenerator, ulidTimeMs } from '#shared/core/ulid.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { checkChanges, checkQuery } from './check-input.ts';
import { type DeltaSpace, decodeDelta, encodeDelta } from './delta.ts';
import { type Generation, openGeneration } from './generation.ts';
import { deltaDigest, type KnownManifest, type LiveState, readLiveState } from './live-state.ts';
import { createOverlay, type Overlay } from './overlay.ts';
import { countItems, findBytes, findItem, latestStamp, listItems } from './read-items.ts';
import { createScratchFolder } from './scratch-folder.ts';
import { searchText } from './search-text.ts';
import {
  DEFAULT_GRAPH_SEARCH,
  type GraphSearchOptions,
  type IndexState,
  sampleVectors,
  searchVectors,
} from './search-vectors.ts';
import type { VectorIndex } from './vector-index.ts';

export interface OpenIndexDependencies {
  readonly store: ObjectStore;
  readonly space: DeltaSpace;
  readonly clock: Clock;
  readonly log: Log;
  /** A local folder for copies of files that the store does not have locally. May be shared between processes. */
  readonly scratchFolder: string;
}

export interface OpenIndexOptions extends Partial<GraphSearchOptions> {
  /** Vectors are held in memory while they take at most this much. @default DEFAULT_HELD_VECTOR_BYTES */
  readonly heldVectorBytes?: number;
}

/** Changes taken into the fresh rows between two turns of the event loop: about 10 ms. */
const CHANGES_PER_TURN = 100;
const DELTAS_AT_ONCE = 8;
/** How often a reader starts again when a compactor removes files under it. */
const REFRESH_ATTEMPTS = 5;

/** A delta's bytes in memory, for when the fresh rows are laid over another generation. */
interface Delta {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Opens the index of one space; an empty store gives an empty index.
 * @throws ChiasmError `state_corrupt` when the stored state is damaged: half an index is never served
 */
export async function openIndex(deps: OpenIndexDependencies, options: OpenIndexOptions = {}): Promise<VectorIndex> {
  const index = new EmbeddedIndex(deps, await createScratchFolder(deps.scratchFolder, 'read'), options);
  try {
    await index.load();
    return index;
  } catch (error) {
    await index.close();
    throw error;
  }
}

class EmbeddedIndex implements VectorIndex {
  readonly #deps: OpenIndexDependencies;
  readonly #folder: string;
  readonly #options: GraphSearchOptions & OpenIndexOptions;
  readonly #nextUlid: () => string;
  #state: IndexState;
  /** The deltas overlaid in `#state`, by name. */
  #deltas = new Map<string, Delta>();
  /** Deltas that this object stored while a refresh was on its way; its listing may lack them. */
  #storedSinceListing = new Map<string, Delta>();
  #running: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #degraded: string | undefined;
  /** As it was read last, whether or not its generation could be opened. */
  #seen: KnownManifest | undefined;
  #closed = false;

  constructor(deps: OpenIndexDependencies, folder: string, options: OpenIndexOptions) {
    this.#deps = { ...deps, log: deps.log.with({ space: deps.space.id }) };
    this.#folder = folder;
    this.#options = { ...DEFAULT_GRAPH_SEARCH, ...options };
    this.#nextUlid = createUlidGenerator(deps.clock);
    this.#state = { generation: undefined, overlay: createOverlay(undefined, deps.space.dimensions) };
  }

  async apply(changes: readonly Change[]): Promise<void> {
    this.#checkOpen();
    const { store, space } = this.#deps;
    checkChanges(changes, space.dimensions);
    if (changes.length === 0) return;
    const { bytes, digest } = encodeDelta(changes, space);
    const key = spaceKeys(space.id).delta(this.#nextUlid(), digest);
    await store.put(key, bytes, { ifAbsent: true, contentType: 'application/vnd.apache.arrow.file' });
    const name = key.slice(spaceKeys(space.id).deltas.length);
    this.#storedSinceListing.set(name, { name, bytes });
    if (!this.#closed) this.#overlayDelta({ name, bytes }, changes);
  }

  refresh(): Promise<void> {
    this.#checkOpen();
    if (this.#running === undefined) {
      this.#running = this.#refreshKeepingState().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    // one that started before this call may have listed too early: wait for it, then look again, once for all waiters
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined;
      return this.#closed ? undefined : this.refresh();
    });
    return this.#waiting;
  }

  /** As `refresh`, but a failure is thrown: there is no earlier state to serve. */
  async load(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#takeIn();
      } catch (error) {
        if (attempt >= REFRESH_ATTEMPTS || !(await this.#wasOvertaken())) throw error;
      }
    }
  }

  async searchVectors(query: Parameters<VectorIndex['searchVectors']>[0]) {
    this.#checkOpen();
    checkQuery(query, this.#deps.space.dimensions);
    return searchVectors(this.#state, query, this.#options);
  }

  async searchText(query: Parameters<VectorIndex['searchText']>[0]) {
    this.#checkOpen();
    const words = parseWords(query.text);
    return words === undefined || query.limit <= 0 ? [] : searchText(this.#state, words, query.limit, query.filter);
  }

  async item(key: string) {
    this.#checkOpen();
    return findItem(this.#state, key);
  }

  async itemWithBytes(digest: string) {
    this.#checkOpen();
    return findBytes(this.#state, digest);
  }

  async items(query: Parameters<VectorIndex['items']>[0]) {
    this.#checkOpen();
    return listItems(this.#state, query);
  }

  async latest(key: string) {
    this.#checkOpen();
    return latestStamp(this.#state, key);
  }

  async *etags() {
    for (let after: string | undefined; ; ) {
      this.#checkOpen();
      const items = listItems(this.#state, { limit: 500, ...(after === undefined ? {} : { after }) });
      for (const { key, etag } of items) yield { key, etag };
      if (items.length < 500) return;
      after = items.at(-1)!.key;
    }
  }

  async sampleVectors(count: number, random: () => number = Math.random) {
    this.#checkOpen();
    return sampleVectors(this.#state, count, random);
  }

  statistics() {
    const { generation, overlay } = this.#state;
    const counts = countItems(this.#state);
    const [oldest] = [...this.#deltas.keys()].sort();
    return {
      generation: generation?.manifest.generation ?? 0,
      items: counts.reduce((sum, { items }) => sum + items, 0),
      parts: (generation?.description.parts ?? 0) - overlay.hiddenParts + overlay.parts,
      freshParts: overlay.parts,
      deltas: this.#deltas.size,
      ...(oldest !== undefined && { unfoldedSinceMs: ulidTimeMs(oldest) }),
      counts,
      ...(this.#degraded === undefined ? {} : { degraded: this.#degraded }),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    this.#state.overlay.close();
    await this.#state.generation?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #refreshKeepingState(): Promise<void> {
    try {
      await this.load();
      this.#degraded = undefined;
    } catch (error) {
      const { code, message } = toChiasmError(error);
      this.#degraded = `${code}: ${message}`;
      this.#deps.log.warn('index.degraded', { error, generation: this.#state.generation?.manifest.generation ?? 0 });
    }
  }

  /** Whether a compactor has swapped the manifest since it was read: what is missing then was replaced, not lost. */
  async #wasOvertaken(): Promise<boolean> {
    const { store, space } = this.#deps;
    return (await store.head(spaceKeys(space.id).manifest))?.etag !== this.#seen?.etag;
  }

  async #takeIn(): Promise<void> {
    this.#storedSinceListing = new Map();
    const { store, space } = this.#deps;
    const live = await readLiveState(store, space.id, this.#seen);
    this.#seen = live.manifest && { manifest: live.manifest, etag: live.manifestEtag! };
    const current = this.#state.generation;
    if (live.manifest === undefined && current !== undefined) {
      throw new ChiasmError('state_corrupt', `${spaceKeys(space.id).manifest} is missing; restore it`);
    }
    if (live.manifest === undefined || live.manifest.digest === current?.manifest.digest) {
      const fresh = await this.#readFresh(live, current);
      for (const delta of fresh) if (!this.#closed) this.#overlayDelta(delta);
      return;
    }
    const { heldVectorBytes } = this.#options;
    const generation = await openGeneration(store, space, live.manifest, this.#folder, heldVectorBytes);
    try {
      await this.#swap(generation, live);
    } catch (error) {
      await generation.close();
      throw error;
    }
  }

  /** Lays the deltas that `generation` lacks over it, beside the state that is served, then replaces that state. */
  async #swap(generation: Generation, live: LiveState): Promise<void> {
    const { space } = this.#deps;
    const read = await this.#readFresh(live, generation);
    const kept = live.deltas.flatMap((name) => this.#deltas.get(name) ?? []);
    const deltas = new Map(
      [...kept, ...read].filter(({ name }) => !generation.folded.has(name)).map((delta) => [delta.name, delta]),
    );
    const overlay = createOverlay(generation, space.dimensions);
    try {
      for (const delta of deltas.values()) await applyInTurns(overlay, this.#decode(delta));
    } catch (error) {
      overlay.close();
      throw error;
    }
    // nothing is awaited from here on: searches see the old state or the new one
    for (const delta of this.#storedSinceListing.values()) {
      if (deltas.has(delta.name) || generation.folded.has(delta.name)) continue;
      deltas.set(delta.name, delta);
      overlay.apply(this.#decode(delta));
    }
    const old = this.#state;
    this.#state = { generation, overlay };
    this.#deltas = deltas;
    old.overlay.close();
    await old.generation?.close();
    const { generation: number, items, parts } = generation.description;
    this.#deps.log.info('index.generation_opened', { generation: number, items, parts, fresh: overlay.parts });
  }

  /** The deltas of `live` that neither `generation` nor this object holds yet, verified. */
  async #readFresh(live: LiveState, generation: Generation | undefined): Promise<Delta[]> {
    const names = live.deltas.filter(
      (name) => deltaDigest(name) !== undefined && !generation?.folded.has(name) && !this.#deltas.has(name),
    );
    const deltas: Delta[] = [];
    for (let i = 0; i < names.length; i += DELTAS_AT_ONCE) {
      deltas.push(...(await Promise.all(names.slice(i, i + DELTAS_AT_ONCE).map((name) => this.#readDelta(name)))));
    }
    return deltas;
  }

  async #readDelta(name: string): Promise<Delta> {
    const key = spaceKeys(this.#deps.space.id).deltas + name;
    const stored = await this.#deps.store.get(key);
    if (stored === undefined) {
      throw new ChiasmError('state_corrupt', `${key} was listed and is gone`, { retryable: true });
    }
    const delta = { name, bytes: stored.bytes };
    this.#decode(delta);
    return delta;
  }

  #decode({ name, bytes }: Delta): Change[] {
    return decodeDelta(bytes, deltaDigest(name)!, this.#deps.space, name);
  }

  #overlayDelta(delta: Delta, changes: readonly Change[] = this.#decode(delta)): void {
    if (this.#deltas.has(delta.name)) return;
    this.#deltas.set(delta.name, delta);
    this.#state.overlay.apply(changes);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ChiasmError('internal', 'the index was used after it was closed');
  }
}

async function applyInTurns(overlay: Overlay, changes: readonly Change[]): Promise<void> {
  for (let i = 0; i < changes.length; i += CHANGES_PER_TURN) {
    overlay.apply(changes.slice(i, i + CHANGES_PER_TURN));
    await setImmediate();
  }
}
