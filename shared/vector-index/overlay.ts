/**
 * The fresh rows: changes that the live generation does not hold, in a catalog in memory and one growing matrix, and
 * which items of the generation they hide. Changes are taken in one synchronous step, so no search sees half of them.
 */

import { type Catalog, createMemoryCatalog } from '#shared/catalog/catalog.ts';
import { createFilterItems, type FilterItems } from '#shared/catalog/filter-items.ts';
import type { Change, Part } from '#shared/catalog/item.ts';
import { addItem, createItemSet, hasItem, type ItemSet } from '#shared/catalog/item-set.ts';
import type { Generation } from './generation.ts';
import { isNewer, stampOf } from './newest.ts';

export interface Overlay {
  readonly catalog: Catalog;
  /** Item id by row; 0 for a row whose item was replaced. */
  readonly owners: Int32Array;
  /** Row-major [capacity, D]; the first `rows` are in use. */
  readonly vectors: Float32Array;
  readonly rows: number;
  readonly parts: number;
  /** Items of the generation that a newer put or delete hides, and how many parts and rows they have. */
  readonly hidden: ItemSet;
  readonly hiddenParts: number;
  readonly hiddenRows: number;
  /** Items by modality and status: what is added here less what is hidden below. */
  readonly counts: ReadonlyMap<string, number>;
  /** Takes in changes; those that are not newer than what is known are left out. */
  apply(changes: readonly Change[]): void;
  filterItems(): FilterItems;
  close(): void;
}

/** The key of one line in `counts`. */
export function countKey(modality: string | undefined, status: string): string {
  return `${modality ?? ''}/${status}`;
}

const FIRST_CAPACITY = 256;

export function createOverlay(generation: Generation | undefined, dimensions: number): Overlay {
  const catalog = createMemoryCatalog();
  const counts = new Map<string, number>();
  const hidden = createItemSet(generation?.itemCapacity ?? 0);
  const size = { rows: 0, parts: 0, hiddenParts: 0, hiddenRows: 0 };
  let owners = new Int32Array(FIRST_CAPACITY);
  let vectors = new Float32Array(FIRST_CAPACITY * dimensions);
  let filters: FilterItems | undefined;

  const count = (modality: string | undefined, status: string, by: number) => {
    const key = countKey(modality, status);
    counts.set(key, (counts.get(key) ?? 0) + by);
  };

  const addRow = (vector: Float32Array): number => {
    if (size.rows === owners.length) {
      owners = grown(owners, new Int32Array(owners.length * 2));
      vectors = grown(vectors, new Float32Array(vectors.length * 2));
    }
    vectors.set(vector, size.rows * dimensions);
    return size.rows++;
  };

  const insert = (change: Change & { operation: 'put' }) => {
    const firstRow = size.rows;
    const parts = change.parts.map(({ vector, ...part }: Part) =>
      vector === undefined ? part : { ...part, row: addRow(vector) },
    );
    owners.fill(catalog.insert(change.item, parts), firstRow, size.rows);
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
    const parts = generation.catalog.parts(head.id);
    size.hiddenParts += parts.length;
    size.hiddenRows += parts.filter(({ row }) => row !== undefined).length;
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
    get owners() {
      return owners;
    },
    get vectors() {
      return vectors;
    },
    get rows() {
      return size.rows;
    },
    get parts() {
      return size.parts;
    },
    get hiddenParts() {
      return size.hiddenParts;
    },
    get hiddenRows() {
      return size.hiddenRows;
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
    close: () => catalog.close(),
  };
}

function grown<T extends Int32Array | Float32Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
