import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttributeFilter,
  DEFAULT_LINE,
  EMPTY_VIEW,
  OPERATORS,
  parseView,
  sameQuery,
  type Term,
  termOf,
  type View,
  viewAddress,
} from '#functions/console/browser/view.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const weight = fc.constantFrom(-3, -1, -0.5, 0.5, 1, 2, 3);
const term: fc.Arbitrary<Term> = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), text, weight }),
  fc.record({ kind: fc.constant('item' as const), key: text, weight }),
);
const attribute: fc.Arbitrary<AttributeFilter> = fc.record({
  field: text,
  operator: fc.constantFrom(...OPERATORS),
  value: fc.string({ unit: 'grapheme' }),
});
const view: fc.Arbitrary<View> = fc.record(
  {
    words: fc.string({ unit: 'grapheme' }).map((words) => words.trim()),
    terms: fc.array(term, { maxLength: 4 }),
    prefix: fc.string({ unit: 'grapheme' }),
    attributes: fc.array(attribute, { maxLength: 3 }),
    line: fc.constantFrom(0, 0.25, DEFAULT_LINE, 0.8, 1),
    modality: fc.constantFrom('image' as const, 'audio' as const, 'text' as const),
    item: text,
  },
  { requiredKeys: ['words', 'terms', 'prefix', 'attributes', 'line'] },
);

describe('the address of a view', () => {
  it('carries everything that can be spelled, whatever characters it has', () => {
    fc.assert(
      fc.property(view, (shown) => {
        expect(parseView(new URL(viewAddress(shown), 'http://localhost').search)).toEqual(shown);
      }),
    );
  });

  it('is plain for the whole collection and readable for a search', () => {
    expect(viewAddress(EMPTY_VIEW)).toBe('./');
    expect(viewAddress({ ...EMPTY_VIEW, words: 'red car', modality: 'image' })).toBe('./?q=red+car&in=image');
  });

  it('becomes a view whatever a person makes of it', () => {
    fc.assert(
      fc.property(fc.string(), fc.webQueryParameters(), (noise, query) => {
        for (const search of [noise, query, `?term=${noise}&where=${noise}&line=${noise}&in=${noise}`]) {
          const parsed = parseView(search);
          expect(parsed.line).toBeGreaterThanOrEqual(0);
          expect(parsed.line).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('is forgiven a filter that nobody would write', () => {
    expect(parseView(`?where=${encodeURIComponent('%E0:is:x')}`).attributes).toEqual([
      { field: '%E0', operator: 'is', value: 'x' },
    ]);
    expect(parseView('?where=a&where=:is:b&where=a:was:b&term=0:text:a&term=x').attributes).toEqual([]);
  });

  it('leaves dropped files to the history of the tab', () => {
    const dropped: Term = { kind: 'media', modality: 'image', name: 'a.png', data: new Blob(['a']), weight: 1 };
    const shown = { ...EMPTY_VIEW, terms: [dropped] };
    expect(viewAddress(shown)).toBe('./');
    expect(parseView('', shown.terms).terms).toEqual([dropped]);
  });
});

describe('terms and queries', () => {
  it('takes a leading minus for a negation and nothing for no term', () => {
    expect(termOf(' beach ')).toEqual({ kind: 'text', text: 'beach', weight: 1 });
    expect(termOf('- people')).toEqual({ kind: 'text', text: 'people', weight: -1 });
    expect(termOf(' - ')).toBeUndefined();
  });

  it('sees the same query behind another open item and another line, and not behind another picture', () => {
    const dropped = (name: string): Term => ({
      kind: 'media',
      modality: 'image',
      name: 'a.png',
      data: new Blob([name]),
      weight: 1,
    });
    const shown: View = { ...EMPTY_VIEW, words: 'red', terms: [dropped('one')] };
    expect(sameQuery(shown, { ...shown, item: 'a.jpg', line: 0.9 })).toBe(true);
    expect(sameQuery(shown, { ...shown, terms: [dropped('two')] })).toBe(false);
    expect(sameQuery(shown, { ...shown, words: 'blue' })).toBe(false);
  });
});
