import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Modality } from '#shared/core/modality.ts';
import { dot, normalize } from '#shared/core/vector.ts';
import type { ContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Space } from '#shared/encoders/space.ts';
import { matchLogit } from '#shared/search/calibrate.ts';
import type { QueryTerm, SearchRequest } from '#shared/search/query.ts';
import { createSearch } from '#shared/search/search.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { type ListedItem, listedItem, listIndex } from './list-index.ts';

const D = 4;
const axis = (d: number) => Float32Array.from({ length: D }, (_, i) => (i === d ? 1 : 0));
const vector = (...values: number[]) => normalize(Float32Array.from({ length: D }, (_, i) => values[i] ?? 0));

/** Words that name an axis; every other text lies on the last one. */
const WORDS = ['red', 'green', 'blue'];
const embedder: ContentEmbedder = {
  texts: async (texts) => texts.map((text) => axis(WORDS.includes(text) ? WORDS.indexOf(text) : D - 1)),
  image: async (bytes) => axis(bytes[0] ?? 0),
  audio: async (bytes) => axis(bytes[0] ?? 0),
};
const space: Space = {
  id: 'test',
  dimensions: D,
  calibration: {
    'image-text': { scale: 20, bias: -5 },
    'text-text': { scale: 20, bias: -15 },
    'image-image': { scale: 10, bias: -8 },
  },
};

function searchOver(
  entries: readonly ListedItem[],
  options: { readonly modalities?: readonly Modality[]; readonly space?: Space } = {},
) {
  const { index, vectorQueries } = listIndex(entries);
  const encoder = {
    space: options.space ?? space,
    modalities: new Set(options.modalities ?? (['text', 'image', 'audio'] as const)),
    queryTemplates: {},
  };
  const mediaStore = createMemoryObjectStore();
  const { search } = createSearch({
    spaces: [{ index, encoder, embedder, modalities: encoder.modalities }],
    mediaStore,
  });
  const ask = (request: Partial<SearchRequest>) =>
    search({ terms: [text('red')], mode: 'hybrid', limit: 20, ...request });
  return { ask, vectorQueries, mediaStore };
}

const text = (words: string, weight = 1): QueryTerm => ({ kind: 'text', text: words, weight });
const picture = (key: string, ...values: number[]) =>
  listedItem(key, 'image', [{ range: null, vector: vector(...values) }]);
const keysOf = (answer: { readonly results: readonly { readonly key: string }[] }) =>
  answer.results.map(({ key }) => key);

describe('the query', () => {
  const pictures = [picture('r', 1), picture('g', 0, 1), picture('b', 0, 0, 1), picture('rg', 1, 1)];

  it('is the weighted sum of its terms', async () => {
    const { ask } = searchOver(pictures);
    const { results } = await ask({ terms: [text('red'), text('green')], mode: 'vector' });
    expect(results[0]?.key).toBe('rg');
    expect(results[0]?.score).toBeCloseTo(1, 6);
  });

  it('is pushed away by a term of negative weight', async () => {
    const { ask } = searchOver(pictures);
    const { results } = await ask({ terms: [text('red'), text('green', -0.5)], mode: 'vector' });
    expect(results[0]?.key).toBe('r');
    expect(results.find(({ key }) => key === 'g')?.score).toBeLessThan(0);
  });

  it('takes the stored vector of an indexed item, the mean of several parts', async () => {
    const sound = listedItem('s', 'audio', [
      { range: { startSeconds: 0, endSeconds: 5 }, vector: axis(0) },
      { range: { startSeconds: 5, endSeconds: 10 }, vector: axis(1) },
    ]);
    const { ask } = searchOver([...pictures, sound]);
    const { results } = await ask({ terms: [{ kind: 'item', key: 's', weight: 1 }], modalities: ['image'] });
    expect(results[0]?.key).toBe('rg');
    expect(results[0]?.score).toBeCloseTo(1, 6);
  });

  it('encodes a picture that is stored and not indexed yet', async () => {
    const { ask, mediaStore } = searchOver(pictures);
    await mediaStore.put('fresh.jpg', Uint8Array.of(2));
    const { results } = await ask({
      terms: [{ kind: 'image', source: { kind: 'item', key: 'fresh.jpg' }, weight: 1 }],
    });
    expect(results[0]?.key).toBe('b');
  });

  it('refuses terms that cancel out, with the place', async () => {
    const { ask } = searchOver(pictures);
    await expect(ask({ terms: [text('red'), text('red', -1)] })).rejects.toMatchObject({
      code: 'invalid_request',
      issues: [{ path: '/query' }],
    });
  });

  it('does not overflow with the largest weights', async () => {
    const { ask } = searchOver(pictures);
    const { results } = await ask({
      terms: [text('red', Number.MAX_VALUE), text('green', Number.MAX_VALUE)],
      mode: 'vector',
    });
    expect(results[0]?.key).toBe('rg');
  });

  it('refuses an item that is unknown, and one of another modality', async () => {
    const { ask } = searchOver(pictures);
    await expect(ask({ terms: [{ kind: 'item', key: 'none', weight: 1 }] })).rejects.toMatchObject({
      code: 'not_found',
    });
    const sound: QueryTerm = { kind: 'audio', source: { kind: 'item', key: 'r' }, weight: 1 };
    await expect(ask({ terms: [sound] })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('ranking', () => {
  it('shows each item once, with its best part', async () => {
    const book = listedItem('book', 'text', [
      { range: { startChar: 0, endChar: 9 }, text: 'first', vector: vector(1, 1) },
      { range: { startChar: 9, endChar: 20 }, text: 'second', vector: axis(0) },
    ]);
    const { ask } = searchOver([book, picture('p', 1, 2)]);
    const { results } = await ask({ mode: 'vector', modalities: ['text'] });
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({ key: 'book', part: { startChar: 9, endChar: 20 }, snippet: 'second' });
  });

  it('fills the page although one item has more near parts than are fetched at first', async () => {
    const passages = Array.from({ length: 900 }, () => ({ range: null, vector: axis(0) }));
    const others = Array.from({ length: 30 }, (_, i) =>
      listedItem(`other-${i}`, 'text', [{ range: null, vector: vector(1, 1) }]),
    );
    const { ask } = searchOver([listedItem('book', 'text', passages), ...others]);
    const { results } = await ask({ mode: 'vector', limit: 20 });
    expect(results).toHaveLength(20);
    expect(results[0]?.key).toBe('book');
  });

  it('merges modalities by match probability, not by cosine', async () => {
    // cosine 0.8 of a passage is a worse match (logit 1) than cosine 0.6 of a picture (logit 7)
    const passage = listedItem('passage', 'text', [{ range: null, vector: vector(0.8, 0.6) }]);
    const { ask } = searchOver([passage, picture('picture', 0.6, 0.8)]);
    const { results } = await ask({ mode: 'vector' });
    expect(keysOf({ results })).toEqual(['picture', 'passage']);
    expect(results[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-7)), 5);
    expect(results[1]!.probability).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
  });

  it('finds a picture by itself and by a copy of it before any sound', async () => {
    // the calibration of pictures with pictures ends at one half, as that of the bundled model; the sound's logit is 2
    const calibration = { 'image-image': { scale: 8, bias: -8 }, 'audio-image': { scale: 16, bias: -6 } };
    const entries = [
      listedItem('sound', 'audio', [{ range: null, vector: vector(0.5, 0, 0.866) }]),
      picture('other', 0.9, 0.436),
      picture('copy', 1, 0.1),
      picture('itself', 1),
    ];
    const { ask } = searchOver(entries, { space: { ...space, calibration } });
    const { results } = await ask({ terms: [{ kind: 'item', key: 'itself', weight: 1 }] });
    expect(keysOf({ results })).toEqual(['itself', 'copy', 'sound', 'other']);
    expect(results[0]!.probability).toBeGreaterThan(0.999);
    expect(results[1]!.probability).toBeGreaterThan(0.95);
    expect(results[3]!.probability).toBeCloseTo(1 / (1 + Math.exp(0.8)), 2); // no copy: as calibrated
  });

  it('keeps the order of cosines, and says nothing of probability, without a calibration', async () => {
    const passage = listedItem('passage', 'text', [{ range: null, vector: vector(0.8, 0.6) }]);
    const { ask } = searchOver([passage, picture('picture', 0.6, 0.8)], { space: { ...space, calibration: {} } });
    const { results } = await ask({ mode: 'vector' });
    expect(keysOf({ results })).toEqual(['passage', 'picture']);
    expect(results.map(({ probability }) => probability)).toEqual([undefined, undefined]);
  });

  it('asks once where there is one modality, without a filter', async () => {
    const { ask, vectorQueries } = searchOver([picture('p', 1)]);
    await ask({ modalities: ['image', 'text'] });
    expect(vectorQueries).toHaveLength(1);
    expect(vectorQueries[0]?.filter).toBeUndefined();
  });

  it('lets a modality without vectors and calibration not disturb the others', async () => {
    const sound = listedItem('sound', 'audio', [{ range: null, text: 'a transcript' }]);
    const passage = listedItem('passage', 'text', [{ range: null, vector: vector(0.8, 0.6) }]);
    const { ask } = searchOver([sound, passage, picture('picture', 0.6, 0.8)], { modalities: ['text', 'image'] });
    expect(keysOf(await ask({ mode: 'vector' }))).toEqual(['picture', 'passage']);
    expect((await ask({ terms: [text('transcript')] })).results[0]).toMatchObject({ key: 'sound', score: undefined });
  });

  it('puts what is near and contains the words before what is only one of both', async () => {
    const { ask } = searchOver([picture('near', 1), picture('red-and-near', 1, 0.1), picture('red-and-far', 0, 1)]);
    const { results } = await ask({});
    expect(results.map(({ key, matched }) => [key, matched])).toEqual([
      ['red-and-near', 'both'],
      ['red-and-far', 'both'],
      ['near', 'vector'],
    ]);
  });

  it('gives a hit by words the cosine of its stored vector', async () => {
    const { ask } = searchOver([picture('red', 0.6, 0.8), picture('other', 1)]);
    const { results } = await ask({ mode: 'lexical' });
    expect(results).toMatchObject([{ key: 'red', matched: 'text', snippet: '\u0002red\u0003' }]);
    expect(results[0]!.score).toBeCloseTo(0.6, 6);
    expect(results[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-7)), 5);
  });

  it('finds words without a text tower, then without a score', async () => {
    const { ask } = searchOver([picture('red', 1)], { modalities: ['image'] });
    const { results } = await ask({});
    expect(results).toMatchObject([{ key: 'red', matched: 'text', score: undefined, probability: undefined }]);
  });

  it('searches words only of terms of positive weight', async () => {
    const { ask } = searchOver([picture('red', 0, 1), picture('green', 0, 1)]);
    const { results } = await ask({ terms: [text('green'), text('red', -0.1)] });
    expect(results.find(({ key }) => key === 'green')?.matched).toBe('both');
    expect(results.find(({ key }) => key === 'red')?.matched).toBe('vector');
    await expect(ask({ terms: [text('red', -1)], mode: 'lexical' })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('the threshold', () => {
  // logits 20 c - 5: probability 0.5 at cosine 0.25
  const pictures = [picture('match', 1), picture('unlikely', 0.2, 1), picture('no', 0, 1)];

  it('leaves out what is less probable, and says how many more the page would hold', async () => {
    const { ask } = searchOver(pictures);
    const answer = await ask({ mode: 'vector', minProbability: 0.5 });
    expect(keysOf(answer)).toEqual(['match']);
    expect(answer.belowThreshold).toBe(2);
    expect((await ask({ mode: 'vector', minProbability: 0.5, limit: 2 })).belowThreshold).toBe(1);
  });

  it('counts nothing when none is asked for', async () => {
    const { ask } = searchOver(pictures);
    expect(await ask({ mode: 'vector' })).toMatchObject({ belowThreshold: 0, results: { length: 3 } });
  });

  it('keeps what contains the words whatever the probability', async () => {
    const { ask } = searchOver([...pictures, picture('red herring', 0, 0, 1)]);
    const { results, belowThreshold } = await ask({ minProbability: 0.5 });
    expect(keysOf({ results }).sort()).toEqual(['match', 'red herring']);
    expect(results.find(({ key }) => key === 'red herring')?.probability).toBeLessThan(0.5);
    expect(belowThreshold).toBe(2);
  });

  it('is not reached by a probability that nobody knows', async () => {
    const { ask } = searchOver(pictures, { space: { ...space, calibration: {} } });
    expect(await ask({ mode: 'vector', minProbability: 0.5 })).toMatchObject({ results: [], belowThreshold: 3 });
  });
});

describe('pages', () => {
  it('join to the one ranking, none twice and none missed, at any page size and in every mode', async () => {
    const unit = fc
      .array(fc.integer({ min: -9, max: 9 }), { minLength: D, maxLength: D })
      .filter((v) => v.some((n) => n !== 0));
    const modality = fc.constantFrom('image' as const, 'text' as const);
    const entry = fc.record({ vectors: fc.array(unit, { minLength: 1, maxLength: 4 }), modality, named: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 160 }),
        fc.integer({ min: 1, max: 100 }),
        fc.constantFrom('vector' as const, 'hybrid' as const, 'lexical' as const),
        fc.option(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { nil: undefined }),
        async (drawn, limit, mode, minProbability) => {
          const entries = drawn.map(({ vectors, modality, named }, i) =>
            listedItem(
              `${named && i < 25 ? 'red' : 'item'}-${i}`,
              modality,
              vectors.map((v) => ({ range: null, vector: vector(...v) })),
            ),
          );
          const { ask } = searchOver(entries);
          const threshold = minProbability === undefined ? {} : { minProbability };
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = await ask({ mode, limit, ...threshold, ...(cursor === undefined ? {} : { cursor }) });
            expect(page.results.length).toBeLessThanOrEqual(limit);
            seen.push(...keysOf(page));
            cursor = page.nextCursor;
          } while (cursor !== undefined);
          expect(new Set(seen).size).toBe(seen.length);
          expect([...seen].sort()).toEqual(expectedKeys(entries, mode, minProbability));
        },
      ),
      { numRuns: 60 },
    );
  });

  function expectedKeys(entries: readonly ListedItem[], mode: string, minProbability: number | undefined): string[] {
    const { calibration } = space;
    return entries
      .filter(({ item, parts }) => {
        if (mode !== 'vector' && item.key.startsWith('red')) return true;
        if (mode === 'lexical') return false;
        const best = Math.max(...parts.map((part) => dot(part.vector!, axis(0))));
        const { scale, bias } = calibration[item.modality === 'image' ? 'image-text' : 'text-text']!;
        const logit = matchLogit({ scale, bias, ...(item.modality === 'text' && { sameModality: true }) }, best);
        return minProbability === undefined || 1 / (1 + Math.exp(-logit)) >= minProbability;
      })
      .map(({ item }) => item.key)
      .sort();
  }

  it('reach far beyond the first candidates, in the same order at any page size', async () => {
    const entries = Array.from({ length: 700 }, (_, i) => {
      const angle = (i / 700) * (Math.PI / 2);
      return listedItem(`${i % 50 === 0 ? 'red' : 'item'}-${i}`, 'image', [
        { range: null, vector: vector(Math.cos(angle), Math.sin(angle)) },
        { range: null, vector: vector(0, Math.cos(angle), Math.sin(angle)) }, // far away: not shown beside the first
      ]);
    });
    const { ask } = searchOver(entries);
    const everything = async (request: Partial<SearchRequest>) => {
      const keys: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await ask({ ...request, ...(cursor === undefined ? {} : { cursor }) });
        keys.push(...keysOf(page));
        cursor = page.nextCursor;
        if (cursor === undefined) return keys;
      }
    };
    const keys = entries.map(({ item }) => item.key);
    expect(await everything({ mode: 'vector', limit: 33 })).toEqual(keys);
    const hybrid = await everything({ mode: 'hybrid', limit: 100 });
    expect([...hybrid].sort()).toEqual([...keys].sort());
    expect(hybrid.indexOf('red-650')).toBeLessThan(30); // its words bring it up
    expect(
      hybrid.slice(200).every((key, i, rest) => i === 0 || Number(key.slice(5)) > Number(rest[i - 1]!.slice(5))),
    ).toBe(true);
    expect(await everything({ mode: 'hybrid', limit: 33 })).toEqual(hybrid);
    const likely = await everything({ mode: 'vector', limit: 100, minProbability: 0.5 });
    expect(likely).toEqual(keys.filter((_, i) => Math.cos((i / 700) * (Math.PI / 2)) >= 0.25));
  });

  it('refuse a cursor of another query and one that no search returned', async () => {
    const { ask } = searchOver([picture('a', 1), picture('b', 1, 1)]);
    const { nextCursor } = await ask({ limit: 1 });
    expect(nextCursor).toBeDefined();
    await expect(ask({ limit: 1, cursor: nextCursor!, terms: [text('green')] })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    for (const cursor of [
      'x',
      'WyJhIiwxXQ',
      Buffer.from('["a",-1]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      await expect(ask({ cursor })).rejects.toMatchObject({ code: 'invalid_request', issues: [{ path: '/cursor' }] });
    }
    expect((await ask({ limit: 5, cursor: nextCursor! })).results).toHaveLength(1); // another page size is the same query
  });
});

it('says how old the answer is and what it took', async () => {
  const { ask } = searchOver([picture('a', 1)]);
  const { index, tookMs } = await ask({});
  expect(index).toEqual({ generation: 3, items: 1, fresh: 2 });
  expect(tookMs.total).toBeCloseTo(tookMs.encode + tookMs.search, 6);
});
