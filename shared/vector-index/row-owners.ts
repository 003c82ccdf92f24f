/** Which item each row of a generation's vectors belongs to, in both directions. */

import { addItem, createItemSet, type ItemSet, intersection, sizeOf } from '#shared/catalog/item-set.ts';

export interface RowOwners {
  /** Item id by row; 0 for a free row. */
  readonly itemOf: Int32Array;
  /** The rows of the items in a set, by item. */
  rowsOf(items: ItemSet): Int32Array;
  /** How many these are. */
  countOf(items: ItemSet): number;
}

/** `capacity` is one more than the greatest item id. */
export function createRowOwners(itemOf: Int32Array, capacity: number): RowOwners {
  const starts = new Int32Array(capacity + 1);
  for (const item of itemOf) if (item !== 0) starts[item + 1]!++;
  for (let item = 1; item <= capacity; item++) starts[item]! += starts[item - 1]!;
  const rows = new Int32Array(starts[capacity]!);
  const next = starts.slice();
  itemOf.forEach((item, row) => {
    if (item !== 0) rows[next[item]!++] = row;
  });
  const owners = createItemSet(capacity);
  for (const item of itemOf) if (item !== 0) addItem(owners, item);
  const isOneEach = sizeOf(owners) === rows.length;
  const rowsOf = ({ bits }: ItemSet) => {
    const found = new Int32Array(rows.length);
    let size = 0;
    bits.forEach((word, i) => {
      for (let left = word; left !== 0; left &= left - 1) {
        const item = i * 32 + 31 - Math.clz32(left & -left);
        for (let at = starts[item]!; at < starts[item + 1]!; at++) found[size++] = rows[at]!;
      }
    });
    return found.subarray(0, size);
  };
  return {
    itemOf,
    rowsOf,
    countOf: (items) => (isOneEach ? sizeOf(intersection(items, owners)) : rowsOf(items).length),
  };
}
