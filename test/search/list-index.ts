/** A collection as a plain list, compared with one by one: the reference that search is tested on. */

import type { Filter } from '#shared/catalog/filter.ts';
import type { Item, Part } from '#shared/catalog/item.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot } from '#shared/core/vector.ts';
import type { ServedSpace } from '#shared/spaces/space-set.ts';
import type { LexicalHit, VectorHit, VectorQuery } from '#shared/vector-index/vector-index.ts';

export interface ListedItem {
  readonly item: Item;
  readonly parts: readonly Part[];
}

export interface ListIndex {
  readonly index: ServedSpace['index'];
  /** Every vector query that was asked. */
  readonly vectorQueries: VectorQuery[];
}

export function listIndex(entries: readonly ListedItem[]): ListIndex {
  const vectorQueries: VectorQuery[] = [];
  return {
    vectorQueries,
    index: {
      async searchVectors(query) {
        vectorQueries.push(query);
        const hits: VectorHit[] = entries
          .filter(({ item }) => query.filter === undefined || matches(query.filter, item))
          .flatMap(({ item, parts }) =>
            parts.flatMap(({ vector, ...part }, ordinal) =>
              vector === undefined ? [] : [{ item, ordinal, ...part, vector, score: dot(vector, query.vector) }],
            ),
          )
          .sort((a, b) => b.score - a.score);
        return { hits: hits.slice(0, query.limit), plan: 'exact' };
      },
      async searchText({ text, limit, filter }) {
        const words = text.toLowerCase().split(/\s+/);
        const hits: LexicalHit[] = entries
          .filter(({ item }) => filter === undefined || matches(filter, item))
          .flatMap(({ item, parts }) =>
            parts.flatMap(({ vector: _vector, ...part }, ordinal) => {
              const haystack = `${item.key} ${part.text ?? ''}`.toLowerCase();
              const found = words.every((word) => haystack.includes(word));
              return found ? [{ item, ordinal, ...part, score: 1, snippet: `\u0002${text}\u0003` }] : [];
            }),
          );
        return hits.slice(0, limit);
      },
      async item(key) {
        return entries.find(({ item }) => item.key === key);
      },
      statistics() {
        const modalities = new Map<Modality, number>();
        for (const { item } of entries) {
          if (item.modality) modalities.set(item.modality, (modalities.get(item.modality) ?? 0) + 1);
        }
        const counts = [...modalities].map(([modality, items]) => ({ modality, status: 'indexed' as const, items }));
        const parts = entries.reduce((sum, entry) => sum + entry.parts.length, 0);
        return { generation: 3, items: entries.length, parts, freshParts: 2, deltas: 1, counts };
      },
    },
  };
}

/** As much of the filter language as search itself composes. */
function matches(filter: Filter, item: Item): boolean {
  if (filter.kind === 'and') return filter.filters.every((inner) => matches(inner, item));
  if (filter.kind !== 'compare') throw new Error(`the list does not know ${filter.kind}`);
  const { field, comparison } = filter;
  if (field === 'modality' && comparison.operator === 'in') return comparison.values.includes(item.modality ?? '');
  if (comparison.operator === 'prefix') return item.key.startsWith(comparison.value);
  throw new Error(`the list does not know ${field} ${comparison.operator}`);
}

export function listedItem(key: string, modality: Modality, parts: readonly Part[]): ListedItem {
  const item: Item = {
    key,
    sequencer: '1',
    etag: 'e',
    status: 'indexed',
    modality,
    contentType: `${modality}/test`,
    sizeBytes: 1,
    attributes: {},
    indexedAt: '2026-01-01T00:00:00.000Z',
  };
  return { item, parts };
}
