import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryCatalog } from '#shared/catalog/catalog.ts';
import { createFilterItems } from '#shared/catalog/filter-items.ts';
import { filterSql, prefixEnd } from '#shared/catalog/filter-sql.ts';
import type { Item } from '#shared/catalog/item.ts';
import { hasItem } from '#shared/catalog/item-set.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { filter, itemFields } from './arbitrary-filter.ts';
import { satisfies } from './filter-oracle.ts';

function catalogOf(fields: readonly Omit<Item, 'key'>[]) {
  const catalog = createMemoryCatalog();
  const items = fields.map((rest, i) => ({ ...rest, key: `${['a', 'cat', 'é', 'ab'][i % 4]}/${i}` }));
  return { catalog, items, ids: items.map((item) => catalog.insert(item, [])) };
}

describe('filters in SQL', () => {
  it('select what the plain meaning of the filter selects, as a condition and as a set', () => {
    fc.assert(
      fc.property(fc.array(itemFields, { maxLength: 12 }), filter, (fields, tree) => {
        const { catalog, items, ids } = catalogOf(fields);
        const expected = items.filter((item) => satisfies(item, tree)).map(({ key }) => key);
        const { text, parameters } = filterSql(tree);
        const rows = catalog.prepare(`SELECT key FROM item WHERE ${text} ORDER BY id`).all(...parameters);
        expect(rows.map(({ key }) => key)).toEqual(expected);
        const set = createFilterItems(catalog, catalog.itemCapacity()).matching(tree);
        expect(items.filter((_, i) => hasItem(set, ids[i]!)).map(({ key }) => key)).toEqual(expected);
        catalog.close();
      }),
      { numRuns: 300 },
    );
  });

  it('keep numbers and text apart', () => {
    const fields = {
      sequencer: '1',
      etag: 'e',
      status: 'indexed',
      contentType: 'image/jpeg',
      sizeBytes: 1,
      attributes: {},
      indexedAt: '',
    } as const;
    const { catalog } = catalogOf([fields]);
    const count = (value: string | number) => {
      const sql = filterSql({ kind: 'compare', field: 'sizeBytes', comparison: { operator: 'in', values: [value] } });
      return catalog.prepare(`SELECT id FROM item WHERE ${sql.text}`).all(...sql.parameters).length;
    };
    expect([count(1), count('1')]).toEqual([1, 0]);
    catalog.close();
  });

  it('never carry a value or a field name in their text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (field, value) => {
        const { text } = filterSql({ kind: 'compare', field: `x${field}`, comparison: { operator: 'equals', value } });
        expect(text).toBe('item.id IN (SELECT item FROM attribute WHERE name = ? AND value = ?)');
      }),
    );
  });
});

describe('prefixEnd', () => {
  it('bounds exactly the strings with the prefix, by UTF-8 bytes', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '\ud7ff', '\ue000', '\uffff', '\u{10ffff}', '\u{10000}'),
    });
    fc.assert(
      fc.property(text, text, (prefix, other) => {
        const end = prefixEnd(prefix);
        const inRange = compareKeys(other, prefix) >= 0 && (end === undefined || compareKeys(other, end) < 0);
        expect(inRange).toBe(other.startsWith(prefix));
      }),
      { numRuns: 1000 },
    );
  });
});
