/** Search by words over one state: BM25 in both catalogs, merged, one hit for each item. */

import type { Catalog } from '#shared/catalog/catalog.ts';
import type { Filter } from '#shared/catalog/filter.ts';
import { hasItem } from '#shared/catalog/item-set.ts';
import { partsFound, searchWords, snippetOf, type WordHit } from '#shared/catalog/search-words.ts';
import type { WordQuery } from '#shared/catalog/words.ts';
import type { IndexState } from './search-vectors.ts';
import type { LexicalHit } from './vector-index.ts';

/** Best first, at most `limit`; of one item the best part. Equal ones stay in the order of each list, fresh ones before. */
export function searchText(
  { generation, overlay }: IndexState,
  query: WordQuery,
  limit: number,
  filter: Filter | undefined,
): LexicalHit[] {
  const freshItems = filter && overlay.filterItems().matching(filter);
  const fresh = searchWords(overlay.catalog, query, limit, (item) => !freshItems || hasItem(freshItems, item));
  const hits = lexicalHits(overlay.catalog, fresh, query);
  if (generation !== undefined) {
    const items = filter && generation.filterItems.matching(filter);
    const accept = (item: number) => !hasItem(overlay.hidden, item) && (!items || hasItem(items, item));
    const folded = searchWords(generation.catalog, query, limit, accept);
    hits.push(...lexicalHits(generation.catalog, folded, query));
  }
  return hits.sort((a, b) => b.score - a.score).slice(0, limit);
}

function lexicalHits(catalog: Catalog, hits: readonly WordHit[], query: WordQuery): LexicalHit[] {
  return partsFound(catalog, hits, query).map((found, i) => {
    const snippet = found.text === undefined ? undefined : snippetOf(found.text, query);
    return { ...found, score: hits[i]!.score, ...(snippet === undefined ? {} : { snippet }) };
  });
}
