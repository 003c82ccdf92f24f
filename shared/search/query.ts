/** What a search is asked and what it answers, free of HTTP. `functions/api` parses requests into these types. */

import type { Filter } from '#shared/catalog/filter.ts';
import type { Attributes, Item, PartRange } from '#shared/catalog/item.ts';
import type { Modality } from '#shared/core/modality.ts';

/** Content by reference to a stored object, or the bytes themselves. */
export type ContentSource =
  | { readonly kind: 'item'; readonly key: string }
  | { readonly kind: 'data'; readonly bytes: Uint8Array };

export type QueryTerm =
  | { readonly kind: 'text'; readonly text: string; readonly weight: number }
  | { readonly kind: 'image' | 'audio'; readonly source: ContentSource; readonly weight: number }
  /** An indexed item of any modality. */
  | { readonly kind: 'item'; readonly key: string; readonly weight: number };

type SearchMode = 'vector' | 'lexical' | 'hybrid';

export interface SearchRequest {
  /** At least one; weights finite and not all zero. */
  readonly terms: readonly QueryTerm[];
  readonly mode: SearchMode;
  readonly filter?: Filter;
  /** Only items of these modalities; all when absent. */
  readonly modalities?: readonly Modality[];
  /** Results on a page, 1 to 100. */
  readonly limit: number;
  /** In [0, 1]. See `SearchAnswer.belowThreshold`. */
  readonly minProbability?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface SearchResult {
  readonly key: string;
  readonly modality: Modality | undefined;
  /** Cosine of the query and the item's best part; undefined when the item has no vector or the query gave none. */
  readonly score: number | undefined;
  /** Match probability of that cosine; undefined when it is, or when the space has no calibration for the modalities. */
  readonly probability: number | undefined;
  /** Which list found it: nearness of vectors, the words themselves, or both. */
  readonly matched: 'vector' | 'text' | 'both';
  readonly part: PartRange | null;
  readonly attributes: Attributes;
  /** Around the matched words, which stand between U+0002 and U+0003. */
  readonly snippet?: string;
  readonly item: Item;
}

/** Something that was asked for and could not be done; the answer holds the rest. */
export interface SearchWarning {
  /**
   * `unreached`: terms of these modalities were not compared with items of those. `uncalibrated`: they were, through an
   * alignment, and no probability is known of it.
   */
  readonly code: 'unreached' | 'uncalibrated';
  readonly terms: readonly Modality[];
  readonly modalities: readonly Modality[];
  readonly message: string;
}

export interface SearchAnswer {
  readonly results: readonly SearchResult[];
  /**
   * How many more results this page would hold without `minProbability`: candidates that were left out, at most
   * `limit - results.length`. 0 without `minProbability`.
   */
  readonly belowThreshold: number;
  readonly warnings?: readonly SearchWarning[];
  readonly nextCursor?: string;
  readonly index: { readonly generation: number; readonly items: number; readonly fresh: number };
  readonly tookMs: { readonly encode: number; readonly search: number; readonly total: number };
}
