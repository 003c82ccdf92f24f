/** Random items and filters over the same few fields and values, so that they often meet. */

import fc from 'fast-check';
import type { Comparison, Filter } from '#shared/catalog/filter.ts';
import type { Attributes, AttributeValue, Item } from '#shared/catalog/item.ts';

const WORDS = [
  '',
  'a',
  'A',
  'ab',
  'b',
  'cat',
  'category',
  'é',
  '1',
  'true',
  '\u{ffff}x',
  '\u{1f600}',
  '\u{10ffff}',
  "'; DROP TABLE item; --",
];
const NUMBERS = [-1, 0, 1, 1.5, 2, 10, 1e300, 2 ** 53];
const FIELDS = ['label', 'n', 'tags', 'key', 'modality', 'contentType', 'sizeBytes', 'indexedAt', 'constructor'];

const word = fc.constantFrom(...WORDS);
const number = fc.constantFrom(...NUMBERS);
const scalar = fc.oneof(word, number, fc.boolean());
const attribute: fc.Arbitrary<AttributeValue> = fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 3 }));

export const attributes: fc.Arbitrary<Attributes> = fc.dictionary(
  fc.constantFrom('label', 'n', 'tags', 'constructor'),
  attribute,
);

const time = fc.constantFrom('2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z', '2026-02-01T12:00:00.000Z');

/** Everything of an item but its key. */
export const itemFields: fc.Arbitrary<Omit<Item, 'key'>> = fc.record(
  {
    sequencer: fc.constant('1'),
    etag: fc.constant('e'),
    status: fc.constantFrom('indexed' as const, 'failed' as const),
    modality: fc.constantFrom('image' as const, 'audio' as const, 'text' as const),
    contentType: fc.constantFrom('image/jpeg', 'image/png', 'text/plain'),
    sizeBytes: fc.constantFrom(0, 1, 2, 10),
    attributes,
    indexedAt: time,
  },
  { requiredKeys: ['sequencer', 'etag', 'status', 'contentType', 'sizeBytes', 'attributes', 'indexedAt'] },
);

const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record({ operator: fc.constant('equals' as const), value: fc.oneof(scalar, fc.constant(null), time) }),
  fc.record({ operator: fc.constant('in' as const), values: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ operator: fc.constantFrom('gt', 'gte', 'lt', 'lte'), value: fc.oneof(word, number, time) }),
  fc.record({ operator: fc.constant('prefix' as const), value: word }),
  fc.record({ operator: fc.constant('exists' as const), value: fc.boolean() }),
);

export const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('compare' as const), field: fc.constantFrom(...FIELDS), comparison }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      filters: fc.array(tie('filter'), { maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), filter: tie('filter') }),
  ),
})).filter;
