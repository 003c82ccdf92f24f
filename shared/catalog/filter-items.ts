/**
 * Which items of one catalog satisfy a filter, as a set of ids. Each comparison is one query on an index of SQLite;
 * the sets are combined as bits and kept, because the same filters come again and the file of a generation never changes.
 */

import type { Catalog } from './catalog.ts';
import type { Comparison, Filter } from './filter.ts';
import { comparisonSql } from './filter-sql.ts';
import { addItem, createItemSet, difference, type ItemSet, intersection, union } from './item-set.ts';

/** Sets kept per catalog: one comparison over a million items takes 125 kB. */
const KEPT_SETS = 64;

export interface FilterItems {
  /** Ids of the items that satisfy `filter`; the set must not be changed. */
  matching(filter: Filter): ItemSet;
  /** Ids of all items. */
  all(): ItemSet;
}

/** `capacity` is one more than the greatest item id. The catalog must not change while this object is used. */
export function createFilterItems(catalog: Catalog, capacity: number): FilterItems {
  const kept = new Map<string, ItemSet>();

  const comparisonItems = (field: string, comparison: Comparison): ItemSet => {
    const name = JSON.stringify([field, comparison]);
    const known = kept.get(name);
    if (known !== undefined) kept.delete(name); // inserted again below: the first in the map is the longest unused
    const items = known ?? queryItems(catalog, field, comparison, capacity);
    kept.set(name, items);
    if (kept.size > KEPT_SETS) kept.delete(kept.keys().next().value!);
    return items;
  };

  const matching = (filter: Filter): ItemSet => {
    switch (filter.kind) {
      case 'compare':
        return comparisonItems(filter.field, filter.comparison);
      case 'not':
        return difference(allItems(), matching(filter.filter));
      case 'and':
        return filter.filters.map(matching).reduce(intersection, allItems());
      case 'or':
        return filter.filters.map(matching).reduce(union, createItemSet(capacity));
    }
  };

  let everything: ItemSet | undefined;
  const allItems = (): ItemSet => {
    everything ??= collect(catalog.statement('SELECT json_group_array(id) AS ids FROM item').get(), capacity);
    return everything;
  };

  return { matching, all: allItems };
}

function queryItems(catalog: Catalog, field: string, comparison: Comparison, capacity: number): ItemSet {
  const sql = comparisonSql(field, comparison);
  const column = sql.text.startsWith('SELECT id') ? 'id' : 'item';
  const row = catalog.prepare(`SELECT json_group_array(${column}) AS ids FROM (${sql.text})`).get(...sql.parameters);
  return collect(row, capacity);
}

/** One JSON text crosses from SQLite to JavaScript several times faster than one row for each id. */
function collect(row: Record<string, unknown> | undefined, capacity: number): ItemSet {
  const items = createItemSet(capacity);
  for (const id of JSON.parse(row!.ids as string) as number[]) addItem(items, id);
  return items;
}
