import { afterAll, describe, expect, it } from 'vitest';
import { createMemoryCatalog } from '#shared/catalog/catalog.ts';
import { partsFound, searchWords, snippetOf } from '#shared/catalog/search-words.ts';
import { indexedText, parseWords } from '#shared/catalog/words.ts';
import { type SampleItem, sampleItem } from '../vector-index/sample-changes.ts';

function found(query: string, ...items: (SampleItem & { text?: string })[]): string[] {
  const catalog = createMemoryCatalog();
  for (const { text, ...item } of items) {
    catalog.insert(sampleItem(item), text === undefined ? [] : [{ range: null, text }]);
  }
  const words = parseWords(query);
  const hits = words ? searchWords(catalog, words, 10, () => true) : [];
  const keys = catalog.hitsOfParts(hits.map(({ part }) => part)).map(({ item }) => item.key);
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
    ['a red circle', 'red circle'],
    ['the photo of a beach', 'photoOfBeach.png'],
    ['photo about a beach', 'photoOfBeach.png'],
    ['dogs', 'a dog'],
    ['boxes', 'photoOfBox.png'],
    ['Berries', 'red berry'],
    ['houses', 'house'],
    ['movies', 'movie'],
    ['dogs on the beach', 'dog beach'],
    ['to', 'tomato'],
    ['the', 'The Who'],
  ])('for %j finds %j', (query, title) => {
    expect(found(query, { key: 'x.bin', title }, { key: 'y.bin', title: 'something else' })).toEqual(['x.bin']);
  });

  it.each([
    ['草狗', '一只狗在草地上'],
    ['dog cat', 'dog'],
    ['do dog', 'dog'],
    ['glass', 'glas'],
    ['bus', 'bu'],
    ['dogs', 'do'],
    ['each', 'beach'],
    ['a red circle', 'a red heart'],
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

describe('the order of a search by words', () => {
  // every tenth item holds "rare" in its name, two in three hold "common" in name or text, one in nine "commons"
  const catalog = createMemoryCatalog();
  const items = Array.from({ length: 1300 }, (_, n) => {
    const common = n % 3 !== 1 ? 'common' : n % 9 === 1 ? 'commons' : '';
    const filler = 'lorem '.repeat((n * 7) % 5);
    return {
      key: `${n}.txt`,
      title: `${n % 10 === 3 ? 'rare ' : ''}${filler}${n % 2 === 0 ? common : ''}`,
      text: `${n % 20 === 3 ? 'rare ' : ''}${n % 2 === 1 ? common : ''} ${filler}`,
    };
  });
  const idOf = new Map(
    items.map(({ text, ...item }) => [item.key, catalog.insert(sampleItem(item), [{ range: null, text }])]),
  );
  afterAll(() => catalog.close());
  const order = (query: string, limit = 5000) => searchWords(catalog, parseWords(query)!, limit, () => true);
  const holds = (place: string, word: string) => place.split(/[^a-z]+/).includes(word);
  const begins = (place: string, word: string) => place.split(/[^a-z]+/).some((other) => other.startsWith(word));

  it('is that of BM25 for words that few parts hold', () => {
    const lengths = items.map(
      ({ key, title, text }) => `${indexedText(key)} ${title} ${text}`.trim().split(/ +/).length,
    );
    const mean = lengths.reduce((sum, length) => sum + length, 0) / items.length;
    const matching = items.filter(({ title, text }) => holds(title, 'rare') || holds(text, 'rare'));
    const idf = Math.log((items.length - matching.length + 0.5) / (matching.length + 0.5));
    const expected = matching.map(({ key, title, text }) => {
      const frequency = (holds(title, 'rare') ? 4 : 0) + (holds(text, 'rare') ? 1 : 0); // Robertson and Zaragoza 2009
      const norm = 1.2 * (0.25 + (0.75 * lengths[items.findIndex((item) => item.key === key)]!) / mean);
      return { item: idOf.get(key)!, score: (idf * frequency * 2.2) / (frequency + norm) };
    });
    expected.sort((a, b) => b.score - a.score || a.item - b.item);
    const found = order('rare');
    expect(found.map(({ item }) => item)).toEqual(expected.map(({ item }) => item));
    expect(found.map(({ score }) => score.toFixed(6))).toEqual(expected.map(({ score }) => score.toFixed(6)));
  });

  it('puts names before other text, and whole words before beginnings, newest first, for words that many parts hold', () => {
    const tierOf = ({ title, text }: (typeof items)[number]) => {
      if (holds(title, 'common')) return 0;
      return holds(text, 'common') ? -1 : begins(`${title} ${text}`, 'common') ? -2 : undefined;
    };
    const expected = items.flatMap((item) => {
      const score = tierOf(item);
      return score === undefined ? [] : [{ item: idOf.get(item.key)!, score }];
    });
    expected.sort((a, b) => b.score - a.score || b.item - a.item);
    expect(order('common').map(({ item, score }) => ({ item, score }))).toEqual(expected);
    expect(order('common', 7).map(({ item }) => item)).toEqual(expected.slice(0, 7).map(({ item }) => item));
  });

  it('puts what holds the word, by BM25, before what only begins with it', () => {
    const found = order('commons');
    const plural = found.findIndex(({ score }) => score < 0); // few hold it; those that hold its singular follow
    expect(plural).toBeGreaterThan(0);
    expect(found.slice(plural).every(({ score }) => score === -2)).toBe(true);
    const whole = sampleItem({ key: 'comm.bin', title: 'comm' });
    const id = catalog.insert(whole, []);
    const begun = order('comm');
    expect(begun[0]).toMatchObject({ item: id });
    expect(begun[0]!.score).toBeGreaterThan(0);
    expect(begun.slice(1).map(({ score }) => score)).toEqual(begun.slice(1).map(() => -2));
    expect(begun).toHaveLength(1 + items.filter(({ title, text }) => begins(`${title} ${text}`, 'comm')).length);
  });

  it('takes only items that are accepted, until there are enough', () => {
    const even = searchWords(catalog, parseWords('common')!, 20, (item) => item % 2 === 0);
    expect(even).toHaveLength(20);
    expect(even.every(({ item }) => item % 2 === 0)).toBe(true);
  });
});

describe('what is said in a sound', () => {
  const segments = ['we bought a red car', 'it is fast', 'and the boat is blue', 'no more cars'];
  const said = segments.map((text, n) => ({ range: { startSeconds: 2 * n, endSeconds: 2 * n + 2 }, text }));
  const found = (query: string) => {
    const catalog = createMemoryCatalog();
    const windows = [0, 5].map((startSeconds) => ({ range: { startSeconds, endSeconds: startSeconds + 5 } }));
    catalog.insert(sampleItem({ key: 'holiday.wav', modality: 'audio' }), [...windows, ...said]);
    catalog.insert(sampleItem({ key: 'deaf.wav', modality: 'audio' }), windows);
    const words = parseWords(query)!;
    const hits = partsFound(
      catalog,
      searchWords(catalog, words, 10, () => true),
      words,
    );
    catalog.close();
    return hits.map(({ item, ordinal, range, text }) => ({ key: item.key, ordinal, range, text }));
  };
  const segment = (n: number) => [{ key: 'holiday.wav', ordinal: n + 2, ...said[n]! }];

  it.each([
    ['in one segment', 'blue boat', 2],
    ['in several, most of them in the last one', 'fast blue boat', 2],
    ['in several, as many in each', 'car fast', 0],
    ['partly in the name', 'holiday boat', 2],
    ['as the beginning of one', 'fast blu', 1],
    ['said twice', 'red car', 0],
  ])('is found by words %s, with the seconds of the segment that holds most of them', (_, query, n) => {
    expect(found(query)).toEqual(segment(n));
  });

  it('is not found by a word that was not said, and a sound is found by its name as before', () => {
    expect(found('blue lorry')).toEqual([]);
    expect(found('deaf')).toMatchObject([{ key: 'deaf.wav', ordinal: 0, range: { startSeconds: 0 } }]);
    expect(found('holiday')).toHaveLength(1);
  });
});

describe('a snippet', () => {
  const marked = (text: string, query: string) =>
    snippetOf(text, parseWords(query)!)?.replaceAll('\u0002', '[').replaceAll('\u0003', ']');

  it('marks the one where many were asked for', () => {
    expect(marked('our dog ran', 'dogs')).toBe('our [dog] ran');
  });

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
