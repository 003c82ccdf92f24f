import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addItem, createItemSet } from '#shared/catalog/item-set.ts';
import { createRowOwners } from '#shared/vector-index/row-owners.ts';

const CAPACITY = 100;
const ids = fc.integer({ min: 0, max: CAPACITY - 1 });

describe('rows of items', () => {
  it.each([
    ['that have at most one each', fc.uniqueArray(ids, { maxLength: 60 })],
    ['that have several', fc.array(ids, { maxLength: 200 })],
  ])('%s are found and counted as brute force does, free rows left out', (_, owners) => {
    fc.assert(
      fc.property(owners, fc.uniqueArray(ids), (itemOf, wanted) => {
        const items = createItemSet(CAPACITY);
        for (const item of wanted) addItem(items, item);
        const rows = itemOf.flatMap((item, row) => (item !== 0 && wanted.includes(item) ? [row] : []));
        const found = createRowOwners(Int32Array.from(itemOf), CAPACITY);
        expect([...found.rowsOf(items)].sort((a, b) => a - b)).toEqual(rows);
        expect(found.countOf(items)).toBe(rows.length);
      }),
    );
  });
});
