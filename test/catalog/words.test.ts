import { describe, expect, it } from 'vitest';
import { createMemoryCatalog } from '#shared/catalog/catalog.ts';
import { searchWords, snippetOf } from '#shared/catalog/search-words.ts';
import { indexedText, parseWords } from '#shared/catalog/words.ts';
import { type SampleItem, sampleItem } from '../vector-index/sample-changes.ts';

function found(query: string, ...items: (SampleItem & { text?: string })[]): string[] {
  const catalog = createMemoryCatalog();
  for (const { text, ...item } of items) {
    catalog.insert(sampleItem(item), text === undefined ? [] : [{ range: null, text }]);
  }
  const words = parseWords(query);
  const hits = words ? searchWords(catalog, words, 10, () => true) : [];
  const keys = hits.map(({ part }) => catalog.hitOfPart(part).item.key);
  catalog.close();
  return keys;
}

describe('words', () => {
  it.each([
    ['RE16 TGK', 're16 re 16 tgk'],
    ['IMG_2041_beach.jpg', 'img 2041 beach jpg'],
    ['photoOfBeach2', 'photoofbeach2 photo of beach 2'],
    ['HTMLParser', 'htmlparser html parser'],
    ['Crème Brûlée', 'creme brulee'],
    ['ＡＢＣ ﬁn', 'abc fin'],
    ['一只狗', '一 只 狗'],
    ['', ''],
  ])('of %j are indexed as %j', (text, expected) => {
    expect(indexedText(text)).toBe(expected);
  });
});

describe('a search by words', () => {
  it.each([
    ['RE16', 'RE16 TGK'],
    ['re16', 'RE16TGK'],
    ['tgk', 'RE16TGK'],
    ['beach', 'IMG_2041_beach.jpg'],
    ['2041', 'IMG_2041_beach.jpg'],
    ['img 2041', 'IMG_2041_beach.jpg'],
    ['IMG_2041', 'IMG_2041_beach.jpg'],
    ['bea', 'IMG_2041_beach.jpg'],
    ['beach', 'photoOfBeach.png'],
    ['iphone', 'iPhone case'],
    ['creme', 'Crème'],
    ['狗', '一只狗在草地上'],
    ['草地', '一只狗在草地上'],
  ])('for %j finds %j', (query, title) => {
    expect(found(query, { key: 'x.bin', title }, { key: 'y.bin', title: 'something else' })).toEqual(['x.bin']);
  });

  it.each([
    ['草狗', '一只狗在草地上'],
    ['dog cat', 'dog'],
    ['do dog', 'dog'],
    ['each', 'beach'],
  ])('for %j does not find %j', (query, title) => {
    expect(found(query, { key: 'x', title })).toEqual([]);
  });

  it('finds attributes by value and by name', () => {
    const item = { key: 'x', attributes: { supplier: 'Bosch GmbH', tags: ['red', 'steel'], year: 2019, ok: true } };
    for (const query of ['bosch', 'supplier', 'steel', '2019']) expect(found(query, item)).toEqual(['x']);
    expect(found('true', item)).toEqual([]);
  });

  it('needs every word, wherever in the item it stands', () => {
    const item = { key: 'invoices/2024.txt', text: 'a refund of ten' };
    expect(found('invoices refund', item)).toEqual(['invoices/2024.txt']);
    expect(found('invoices missing', item)).toEqual([]);
  });

  it('ranks names above prose', () => {
    const prose = { key: 'a.txt', text: 'a dog and a cat and more words' };
    expect(found('dog', prose, { key: 'dog.jpg' })).toEqual(['dog.jpg', 'a.txt']);
  });

  it.each(['"', '*', 'a OR b', 'NEAR(a b)', 'key:x', '-a', '(', 'a" OR "b', "'; DROP TABLE item; --", '^a', '\u0000'])(
    'takes %j for words, never for syntax',
    (query) => {
      expect(() => found(query, { key: 'unrelated' })).not.toThrow();
      expect(found(query, { key: 'unrelated' })).toEqual([]);
    },
  );
});

describe('a snippet', () => {
  const marked = (text: string, query: string) =>
    snippetOf(text, parseWords(query)!)?.replaceAll('\u0002', '[').replaceAll('\u0003', ']');

  it('marks the words that match', () => {
    expect(marked('The RE16 TGK is a red car.', 're16 car')).toBe('The [RE16] TGK is a red [car].');
  });

  it('is cut around the densest stretch of a long text', () => {
    const text = `${'filler '.repeat(100)}one red dog and one red cat ${'filler '.repeat(100)}red`;
    const snippet = marked(text, 'red dog')!;
    expect(snippet).toMatch(/^….*one \[red\] \[dog\] and one \[red\] cat.*…$/u);
    expect(snippet.length).toBeLessThan(300);
  });

  it('is absent when the words stand elsewhere in the item', () => {
    expect(marked('nothing of it', 'dog')).toBeUndefined();
  });

  it('never lets marks of the text itself pass for matches', () => {
    expect(marked('\u0002fake\u0003 dog', 'dog')).toBe(' fake  [dog]');
  });
});
