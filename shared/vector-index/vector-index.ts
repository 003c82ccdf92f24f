/**
 * The index port. One index holds one space. The embedded adapter (HNSW and SQLite over an object store) is in this
 * folder; the same port can be served by Amazon S3 Vectors. `SPEC.md` lists the invariants and the tests that hold them.
 */

import type { Filter } from '#shared/catalog/filter.ts';
import type { Change, Item, Part, PartRange } from '#shared/catalog/item.ts';
import type { Modality } from '#shared/core/modality.ts';

export interface PartHit {
  readonly item: Item;
  /** Position of the part in its item, from 0. */
  readonly ordinal: number;
  readonly range: PartRange | null;
  readonly text?: string;
}

export interface VectorHit extends PartHit {
  /** Of the part, normalised [D]. */
  readonly vector: Float32Array;
  /** Cosine similarity of the query and the part. */
  readonly score: number;
}

export interface LexicalHit extends PartHit {
  /** BM25, greater is better. Comparable within one answer only. */
  readonly score: number;
  /** Around the matched words, which stand between U+0002 and U+0003. */
  readonly snippet?: string;
}

export interface VectorQuery {
  /** Normalised [D]. */
  readonly vector: Float32Array;
  /** Parts wanted, k. */
  readonly limit: number;
  readonly filter?: Filter;
  /** Compare with every matching part instead of walking the graph. */
  readonly exact?: boolean;
}

export interface VectorAnswer {
  /** Best first, at most `limit`; the parts of one item may occur several times. */
  readonly hits: readonly VectorHit[];
  /** How the folded part of the index was searched. */
  readonly plan: 'exact' | 'graph';
}

export interface LexicalQuery {
  /** Words as typed; every one must occur, the last one may be the beginning of a word. */
  readonly text: string;
  readonly limit: number;
  readonly filter?: Filter;
}

export interface ItemQuery {
  readonly prefix?: string;
  readonly modality?: Modality;
  readonly status?: Item['status'];
  readonly filter?: Filter;
  readonly limit: number;
  /** Only items whose key sorts after this one (UTF-8 bytes). */
  readonly after?: string;
}

export interface ItemCount {
  readonly modality: Modality | undefined;
  readonly status: Item['status'];
  readonly items: number;
}

export interface IndexStatistics {
  /** Number of the live generation; 0 before the first compaction. */
  readonly generation: number;
  readonly items: number;
  readonly parts: number;
  /** Parts in deltas that the live generation does not hold. */
  readonly freshParts: number;
  readonly deltas: number;
  /** When the oldest of them was stored; absent when there are none. */
  readonly unfoldedSinceMs?: number;
  readonly counts: readonly ItemCount[];
  /** Set when the newest state could not be read and an older one is served. */
  readonly degraded?: string;
}

export interface VectorIndex {
  /** Durable when it resolves, and visible to this reader. Throws before anything is visible if it cannot be stored. */
  apply(changes: readonly Change[]): Promise<void>;
  /** Takes in what other writers and compactors have stored since. */
  refresh(): Promise<void>;
  searchVectors(query: VectorQuery): Promise<VectorAnswer>;
  searchText(query: LexicalQuery): Promise<readonly LexicalHit[]>;
  /** The item with its parts, vectors included; undefined when unknown or deleted. */
  item(key: string): Promise<{ readonly item: Item; readonly parts: readonly Part[] } | undefined>;
  /**
   * An indexed item with the bytes of this SHA-256 under any key, so that they need not be embedded again; undefined when
   * there is none. It may be one that was deleted a short while ago.
   */
  itemWithBytes(digest: string): ReturnType<VectorIndex['item']>;
  /** In ascending order of keys. */
  items(query: ItemQuery): Promise<readonly Item[]>;
  /** The newest operation on a key, deletes included: what a redelivered message or a reconcile compares with. */
  latest(key: string): Promise<{ readonly sequencer: string; readonly operation: Change['operation'] } | undefined>;
  /** Every live key with the etag it was indexed at; for reconciling with the media store. */
  etags(): AsyncIterable<{ readonly key: string; readonly etag: string }>;
  /** Vectors of at most `count` different parts drawn at random, as queries for measuring recall. */
  sampleVectors(count: number, random?: () => number): Promise<readonly Float32Array[]>;
  statistics(): IndexStatistics;
  close(): Promise<void>;
}
