/**
 * The filter language of the API: `{"field": value}`, `{"field": {"$gte": 3}}`, `$and`, `$or`, `$not`.
 * Parsed once at the edge into this tree; `filter-sql.ts` compiles the tree to SQL over the catalog.
 */

export type Scalar = string | number | boolean;

export type Comparison =
  | { readonly operator: 'equals'; readonly value: Scalar | null }
  | { readonly operator: 'in'; readonly values: readonly Scalar[] }
  | { readonly operator: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: string | number }
  | { readonly operator: 'prefix'; readonly value: string }
  | { readonly operator: 'exists'; readonly value: boolean };

export type Filter =
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] }
  | { readonly kind: 'not'; readonly filter: Filter }
  /** `field` is a reserved field (key, modality, contentType, sizeBytes, indexedAt) or the name of an attribute. */
  | { readonly kind: 'compare'; readonly field: string; readonly comparison: Comparison };
