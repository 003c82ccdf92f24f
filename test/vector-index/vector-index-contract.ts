/** What every adapter of the index port does. `create` gives an empty index of 4 dimensions. */

import { describe, expect, it } from 'vitest';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { put, remove } from './sample-changes.ts';

const x = Float32Array.of(1, 0, 0, 0);
const y = Float32Array.of(0, 1, 0, 0);
const xy = Float32Array.of(0.6, 0.8, 0, 0);

export function vectorIndexContract(create: () => Promise<VectorIndex>): void {
  const keysOf = async (index: VectorIndex, limit = 10) =>
    (await index.searchVectors({ vector: x, limit })).hits.map(({ item }) => item.key);

  describe('a vector index', () => {
    it('is empty at first', async () => {
      const index = await create();
      expect(await keysOf(index)).toEqual([]);
      expect(await index.searchText({ text: 'x', limit: 5 })).toEqual([]);
      expect(await index.items({ limit: 5 })).toEqual([]);
      expect(await index.item('a')).toBeUndefined();
      expect(await index.latest('a')).toBeUndefined();
      expect(index.statistics()).toMatchObject({ items: 0, parts: 0, counts: [] });
    });

    it('finds what was applied as soon as apply resolves, best first, with cosines', async () => {
      const index = await create();
      await index.apply([put({ key: 'y' }, y), put({ key: 'xy' }, xy), put({ key: 'x' }, x)]);
      const { hits } = await index.searchVectors({ vector: x, limit: 2 });
      expect(hits.map(({ item, ordinal, range }) => [item.key, ordinal, range])).toEqual([
        ['x', 0, null],
        ['xy', 0, null],
      ]);
      expect(hits[0]!.score).toBeCloseTo(1, 6);
      expect(hits[1]!.score).toBeCloseTo(0.6, 6);
    });

    it('gives every part of an item with its place', async () => {
      const index = await create();
      const range = { startSeconds: 2, endSeconds: 4.5 };
      await index.apply([put({ key: 'a' }, y, { vector: x, range, text: 'said so' })]);
      const { hits } = await index.searchVectors({ vector: x, limit: 5 });
      expect(hits[0]).toMatchObject({ ordinal: 1, range, text: 'said so' });
      expect(hits).toHaveLength(2);
    });

    it('orders equal scores by key and part', async () => {
      const index = await create();
      await index.apply([put({ key: 'b' }, x), put({ key: 'c' }, x), put({ key: 'a' }, x, x)]);
      const { hits } = await index.searchVectors({ vector: x, limit: 9 });
      expect(hits.map(({ item, ordinal }) => `${item.key}${ordinal}`)).toEqual(['a0', 'a1', 'b0', 'c0']);
    });

    it('gives back the item with its parts and vectors', async () => {
      const index = await create();
      const change = put({ key: 'a', attributes: { label: 'cat', tags: ['x', 1, true], none: null }, title: 'T' }, y, {
        text: 'words only',
        range: { startChar: 0, endChar: 10 },
      });
      await index.apply([change]);
      expect(await index.item('a')).toEqual({
        item: change.operation === 'put' && change.item,
        parts: [
          { range: null, vector: y },
          { range: { startChar: 0, endChar: 10 }, text: 'words only' },
        ],
      });
    });

    it('finds an indexed item by the digest of its bytes', async () => {
      const index = await create();
      const digest = 'ab'.repeat(32);
      expect(await index.itemWithBytes(digest)).toBeUndefined();
      await index.apply([put({ key: 'a', digest }, x), put({ key: 'bad', digest: 'cd'.repeat(32), status: 'failed' })]);
      expect(await index.itemWithBytes(digest)).toMatchObject({ item: { key: 'a' }, parts: [{ vector: x }] });
      expect(await index.itemWithBytes('cd'.repeat(32))).toBeUndefined();
    });

    it('replaces an item by a newer put and ignores an older one', async () => {
      const index = await create();
      await index.apply([put({ key: 'a', sequencer: '5', title: 'five' }, y)]);
      await index.apply([put({ key: 'a', sequencer: '4', title: 'four' }, x)]);
      expect((await index.item('a'))?.item.title).toBe('five');
      await index.apply([put({ key: 'a', sequencer: '6', title: 'six' }, x)]);
      expect((await index.item('a'))?.item.title).toBe('six');
      expect(await keysOf(index)).toEqual(['a']);
      expect(await index.searchText({ text: 'five', limit: 5 })).toEqual([]);
    });

    it('hides a deleted item at once and ignores puts that are older than the delete', async () => {
      const index = await create();
      await index.apply([put({ key: 'a', sequencer: '5' }, x), put({ key: 'b' }, y)]);
      await index.apply([remove('a', '6')]);
      await index.apply([put({ key: 'a', sequencer: '5' }, x)]);
      expect(await keysOf(index)).toEqual(['b']);
      expect(await index.item('a')).toBeUndefined();
      expect(await index.latest('a')).toEqual({ sequencer: '6', operation: 'delete' });
      await index.apply([put({ key: 'a', sequencer: '7' }, x)]);
      expect(await keysOf(index)).toEqual(['a', 'b']);
    });

    it('takes a redelivered change as done', async () => {
      const index = await create();
      const change = put({ key: 'a' }, x);
      await index.apply([change]);
      await index.apply([change, change]);
      expect(await keysOf(index)).toEqual(['a']);
      expect(index.statistics()).toMatchObject({ items: 1, parts: 1 });
    });

    it('takes the newest of several changes of one key in one batch, in any order', async () => {
      const index = await create();
      await index.apply([put({ key: 'a', sequencer: '2', title: 'new' }, x), put({ key: 'a', sequencer: '1' }, y)]);
      expect((await index.item('a'))?.item.title).toBe('new');
    });

    it('filters vectors and words alike', async () => {
      const index = await create();
      await index.apply([
        put({ key: 'cat.jpg', attributes: { label: 'cat' } }, x),
        put({ key: 'dog.jpg', attributes: { label: 'dog' } }, x),
      ]);
      const filter = { kind: 'compare', field: 'label', comparison: { operator: 'equals', value: 'dog' } } as const;
      const { hits } = await index.searchVectors({ vector: x, limit: 5, filter });
      expect(hits.map(({ item }) => item.key)).toEqual(['dog.jpg']);
      const words = await index.searchText({ text: 'jpg', limit: 5, filter });
      expect(words.map(({ item }) => item.key)).toEqual(['dog.jpg']);
    });

    it('keeps items without vectors, failed ones too, and finds them by words', async () => {
      const index = await create();
      const failure = { code: 'corrupt_input', message: 'the picture is cut off' };
      await index.apply([
        put({ key: 'broken.jpg', status: 'failed', failure, modality: undefined }),
        put({ key: 'note.txt', modality: 'text' }, { text: 'only words here' }),
      ]);
      expect(await keysOf(index)).toEqual([]);
      expect((await index.item('broken.jpg'))?.item.failure).toEqual(failure);
      expect((await index.searchText({ text: 'broken', limit: 5 }))[0]).toMatchObject({ ordinal: 0, range: null });
      const [hit] = await index.searchText({ text: 'only wor', limit: 5 });
      expect(hit).toMatchObject({ item: { key: 'note.txt' }, snippet: '\u0002only\u0003 \u0002words\u0003 here' });
      expect(index.statistics().counts).toEqual([
        { modality: undefined, status: 'failed', items: 1 },
        { modality: 'text', status: 'indexed', items: 1 },
      ]);
    });

    it('gives one hit by words for each item, its best part', async () => {
      const index = await create();
      const passages = ['a long passage that mentions a dog among many other words', 'dog', 'nothing'];
      await index.apply([put({ key: 'a.txt' }, ...passages.map((text) => ({ text })))]);
      const hits = await index.searchText({ text: 'dog', limit: 5 });
      expect(hits.map(({ ordinal }) => ordinal)).toEqual([1]);
    });

    it('lists items in the order of keys by UTF-8 bytes, page by page', async () => {
      const index = await create();
      const keys = ['a', 'a/b', 'b', '\uffee', '\u{1f600}'];
      await index.apply(keys.toReversed().map((key) => put({ key }, x)));
      expect((await index.items({ limit: 9 })).map(({ key }) => key)).toEqual(keys);
      expect((await index.items({ limit: 2, after: 'a' })).map(({ key }) => key)).toEqual(['a/b', 'b']);
      expect((await index.items({ limit: 9, prefix: 'a/' })).map(({ key }) => key)).toEqual(['a/b']);
      expect(await index.items({ limit: 9, modality: 'audio' })).toEqual([]);
      expect(await index.items({ limit: 9, status: 'failed' })).toEqual([]);
    });

    it.each([
      ['a vector of another space', put({ key: 'bad' }, Float32Array.of(1, 0)), /4 dimensions, got 2/],
      ['NaN', put({ key: 'bad' }, Float32Array.of(Number.NaN, 0, 0, 0)), /"bad", part 0: .*NaN/],
      ['infinity', put({ key: 'bad' }, Float32Array.of(Number.POSITIVE_INFINITY, 0, 0, 0)), /"bad", part 0/],
      ['a vector that is not normalised', put({ key: 'bad' }, Float32Array.of(3, 4, 0, 0)), /norm is 5/],
      ['an empty sequencer', put({ key: 'bad', sequencer: '' }, x), /sequencer/],
      ['an invalid key', put({ key: '../bad' }, x), /".."/],
    ])('refuses a batch with %s as a whole', async (_, bad, reason) => {
      const index = await create();
      await expect(index.apply([put({ key: 'good' }, x), bad])).rejects.toThrow(reason);
      expect(await index.items({ limit: 5 })).toEqual([]);
    });

    it('refuses a query that is no vector of its space', async () => {
      const index = await create();
      for (const vector of [Float32Array.of(1, 0), Float32Array.of(Number.NaN, 0, 0, 0)]) {
        await expect(index.searchVectors({ vector, limit: 1 })).rejects.toMatchObject({ code: 'invalid_request' });
      }
      await expect(index.searchVectors({ vector: x, limit: 0 })).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });
}
