/**
 * The fresh rows: changes that the live generation does not hold, in a catalog in memory and one growing matrix, and
 * which items of the generation they hide. Changes are taken in one synchronous step, so no search sees half of them.
 */

import { type Catalog, createMemoryCatalog } from '#shared/catalog/catalog.ts';
import { createFilterItems, type FilterItems } from '#shared/catalog/filter-items.ts';
import type { Change, Part } from '#shared/catalog/item.ts';
import { addItem, createItemSet, hasItem, type ItemSet } from '#shared/catalog/item-set.ts';
import { createFloatRows } from './float-rows.ts';
import type { Generation } from './generation.ts';
import { isNewer, stampOf } from './newest.ts';
import type { VectorRows } from './vector-rows.ts';

export interface Overlay {
  readonly catalog: Catalog;
  readonly vectors: VectorRows;
  readonly parts: number;
  /** Items of the generation that a newer put or delete hides, and how many parts they have. */
  readonly hidden: ItemSet;
  readonly hiddenParts: number;
  /** Items by modality and status: what is added here less what is hidden below. */
  readonly counts: ReadonlyMap<string, number>;
  /** Takes in changes; those that are not newer than what is known are left out. */
  apply(changes: readonly Change[]): void;
  filterItems(): FilterItems;
  /** The rows whose item is in the set, or all rows whose item was not replaced. */
  rowsOf(items: ItemSet | undefined): Int32Array;
  close(): void;
}

/** The key of one line in `counts`. */
export function countKey(modality: string | undefined, status: string): string {
  return `${modality ?? ''}/${status}`;
}

export function createOverlay(generation: Generation | undefined, dimensions: number): Overlay {
  const catalog = createMemoryCatalog();
  const counts = new Map<string, number>();
  const hidden = createItemSet(generation?.itemCapacity ?? 0);
  const size = { parts: 0, hiddenParts: 0 };
  /** Item id by row; 0 for a row whose item was replaced. */
  const owners: number[] = [];
  const vectors = createFloatRows(dimensions);
  let filters: FilterItems | undefined;

  const count = (modality: string | undefined, status: string, by: number) => {
    const key = countKey(modality, status);
    counts.set(key, (counts.get(key) ?? 0) + by);
  };

  const insert = (change: Change & { operation: 'put' }) => {
    const firstRow = vectors.rows;
    const parts = change.parts.map(({ vector, ...part }: Part) =>
      vector === undefined ? part : { ...part, row: vectors.add(vector) },
    );
    const id = catalog.insert(change.item, parts);
    for (let row = firstRow; row < vectors.rows; row++) owners.push(id);
    size.parts += parts.length;
    count(change.item.modality, change.item.status, 1);
  };

  const removeOwn = (key: string) => {
    const head = catalog.head(key);
    if (head === undefined) return;
    size.parts -= catalog.parts(head.id).length;
    for (const row of catalog.remove(head.id)) owners[row] = 0;
    count(head.modality, head.status, -1);
  };

  const hide = (key: string) => {
    const head = generation?.catalog.head(key);
    if (generation === undefined || head === undefined || hasItem(hidden, head.id)) return;
    addItem(hidden, head.id);
    size.hiddenParts += generation.catalog.parts(head.id).length;
    count(head.modality, head.status, -1);
  };

  const applyOne = (change: Change) => {
    const stamp = stampOf(change);
    const { key } = stamp;
    if (!isNewer(stamp, catalog.latest(key)) || !isNewer(stamp, generation?.catalog.latest(key))) return;
    removeOwn(key);
    hide(key);
    if (change.operation === 'put') insert(change);
    else catalog.bury(key, change.sequencer, 0);
  };

  return {
    catalog,
    counts,
    hidden,
    vectors,
    get parts() {
      return size.parts;
    },
    get hiddenParts() {
      return size.hiddenParts;
    },
    apply: (changes) => {
      filters = undefined;
      catalog.execute('BEGIN');
      try {
        for (const change of changes) applyOne(change);
      } finally {
        catalog.execute('COMMIT');
      }
    },
    filterItems: () => {
      filters ??= createFilterItems(catalog, catalog.itemCapacity());
      return filters;
    },
    rowsOf: (items) => {
      const isIn = (id: number) => id !== 0 && (items === undefined || hasItem(items, id));
      return Int32Array.from(owners.flatMap((id, row) => (isIn(id) ? [row] : [])));
    },
    close: () => catalog.close(),
  };
}
