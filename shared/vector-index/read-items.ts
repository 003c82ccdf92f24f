/** Items of one state: by key, in the order of keys, counted. The fresh rows win over the generation's. */

import type { Catalog } from '#shared/catalog/catalog.ts';
import type { Filter } from '#shared/catalog/filter.ts';
import { filterSql, prefixSql, type SqlValue } from '#shared/catalog/filter-sql.ts';
import type { Item, Part } from '#shared/catalog/item.ts';
import { hasItem } from '#shared/catalog/item-set.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { countKey } from './overlay.ts';
import type { IndexState } from './search-vectors.ts';
import type { ItemCount, ItemQuery } from './vector-index.ts';
import type { VectorRows } from './vector-rows.ts';

export function findItem({ generation, overlay }: IndexState, key: string) {
  const own = overlay.catalog.head(key);
  if (own !== undefined) return readItem(overlay.catalog, overlay.vectors, own.id);
  const folded = generation?.catalog.head(key);
  if (generation === undefined || folded === undefined || hasItem(overlay.hidden, folded.id)) return undefined;
  return readItem(generation.catalog, generation.vectors, folded.id);
}

/** An item with these bytes; one that is hidden keeps its vectors until the next compaction, and they are as good. */
export function findBytes({ generation, overlay }: IndexState, digest: string) {
  const own = overlay.catalog.idOfDigest(digest);
  if (own !== undefined) return readItem(overlay.catalog, overlay.vectors, own);
  const folded = generation?.catalog.idOfDigest(digest);
  if (generation === undefined || folded === undefined) return undefined;
  return readItem(generation.catalog, generation.vectors, folded);
}

function readItem(catalog: Catalog, vectors: VectorRows, id: number) {
  const parts = catalog.parts(id).map(({ row, ...part }): Part => {
    if (row === undefined) return part;
    const vector = new Float32Array(vectors.dimensions);
    vectors.read(row, vector);
    return { ...part, vector };
  });
  return { item: catalog.item(id), parts };
}

/** The fresh operation where there is one: it was taken in only because it is newer. */
export function latestStamp(
  { generation, overlay }: IndexState,
  key: string,
): ReturnType<typeof overlay.catalog.latest> {
  return overlay.catalog.latest(key) ?? generation?.catalog.latest(key);
}

export function listItems({ generation, overlay }: IndexState, query: ItemQuery): Item[] {
  const fresh = readPage(overlay.catalog, query, () => false);
  const folded = generation ? readPage(generation.catalog, query, (id) => hasItem(overlay.hidden, id)) : [];
  return [...fresh, ...folded].sort((a, b) => compareKeys(a.key, b.key)).slice(0, query.limit);
}

function readPage(catalog: Catalog, query: ItemQuery, isHidden: (id: number) => boolean): Item[] {
  const { text, parameters } = itemSql(query);
  const items: Item[] = [];
  for (const found of catalog.prepare(text).iterate(...parameters)) {
    if (items.length >= query.limit) break;
    if (!isHidden(found.id as number)) items.push(JSON.parse(found.json as string) as Item);
  }
  return items;
}

function itemSql(query: ItemQuery): { text: string; parameters: SqlValue[] } {
  const conditions: { text: string; parameters: readonly SqlValue[] }[] = [];
  if (query.prefix) conditions.push(prefixSql('item.key', query.prefix));
  if (query.after !== undefined) conditions.push({ text: 'item.key > ?', parameters: [query.after] });
  if (query.modality !== undefined) conditions.push({ text: 'item.modality = ?', parameters: [query.modality] });
  if (query.status !== undefined) conditions.push({ text: 'item.status = ?', parameters: [query.status] });
  if (query.filter !== undefined) conditions.push(filterSql(query.filter satisfies Filter));
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(({ text }) => `(${text})`).join(' AND ')}`;
  return {
    text: `SELECT item.id, item.json FROM item ${where} ORDER BY item.key`,
    parameters: conditions.flatMap(({ parameters }) => parameters),
  };
}

export function countItems({ generation, overlay }: IndexState): ItemCount[] {
  const totals = new Map(overlay.counts);
  for (const { modality, status, items } of generation?.counts ?? []) {
    const key = countKey(modality, status);
    totals.set(key, (totals.get(key) ?? 0) + items);
  }
  return [...totals]
    .filter(([, items]) => items > 0)
    .map(([key, items]) => {
      const [modality, status] = key.split('/') as [string, Item['status']];
      return { modality: (modality || undefined) as Item['modality'], status, items };
    })
    .sort((a, b) => compareKeys(countKey(a.modality, a.status), countKey(b.modality, b.status)));
}
