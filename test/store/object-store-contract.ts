/** What every object store must do. Each adapter's test runs this suite; keys `a` and `a/b` never meet in it. */

import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTick } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChiasmError } from '#shared/core/errors.ts';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import type {
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  PutResult,
  StoredObject,
} from '#shared/store/object-store.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface ContractOptions {
  /** A store that is empty. Called for every test. */
  readonly create: () => Promise<ObjectStore> | ObjectStore;
  /** Runs of each property; lower it for slow stores. */
  readonly propertyRuns?: number;
}

export function describeObjectStore(name: string, { create, propertyRuns = 30 }: ContractOptions): void {
  describe(`${name} as an object store`, () => {
    describeReads(create);
    describePuts(create);
    describeConditions(create);
    describeLists(create);
    describeOddKeys(create, propertyRuns);
    describeAgainstModel(create, propertyRuns);
  });
}

type Create = ContractOptions['create'];

function describeReads(create: Create): void {
  it('has nothing at a key that was never written', async () => {
    const store = await create();
    expect(await store.get('none')).toBeUndefined();
    expect(await store.head('none')).toBeUndefined();
    expect(await store.stream('none')).toBeUndefined();
    expect(await store.localPath('none', await temporaryFolder())).toBeUndefined();
    await expect(store.delete('none')).resolves.toBeUndefined();
  });

  it('returns the bytes with their size, etag, content type and metadata', async () => {
    const store = await create();
    const metadata = { attributes: '{"city":"Zürich","mark":"😀 100%"}', plain: 'x y', blank: ' edges ', empty: '' };
    const { etag } = written(await store.put('photos/a.jpg', bytes('hello'), { contentType: 'image/jpeg', metadata }));
    const info = { key: 'photos/a.jpg', etag, sizeBytes: 5, contentType: 'image/jpeg', metadata };
    const found = await store.get('photos/a.jpg');
    expect(found).toMatchObject(info);
    expect(text(found)).toBe('hello');
    expect(await store.head('photos/a.jpg')).toMatchObject(info);
    const streamed = await store.stream('photos/a.jpg');
    expect(streamed).toMatchObject(info);
    expect((await buffer(streamed!.body)).toString()).toBe('hello');
    expect(found!.modifiedAtMs).toBeGreaterThan(0);
    expect(Object.keys(found!)).not.toContain('body');
  });

  it.each([
    [{ start: 0, end: 4 }, '0123'],
    [{ start: 3, end: 7 }, '3456'],
    [{ start: 8, end: 100 }, '89'],
    [{ start: 5, end: Number.POSITIVE_INFINITY }, '56789'],
    [{ start: 4, end: 4 }, ''],
    [{ start: 10, end: 12 }, ''],
    [{ start: 50, end: 60 }, ''],
  ])('reads the range %o as %j and still tells the whole size', async (range, expected) => {
    const store = await create();
    await store.put('digits', bytes('0123456789'), { contentType: 'text/plain' });
    const found = await store.get('digits', { range });
    expect(text(found)).toBe(expected);
    expect(found).toMatchObject({ sizeBytes: 10, contentType: 'text/plain' });
    const streamed = await store.stream('digits', { range });
    expect((await buffer(streamed!.body)).toString()).toBe(expected);
    expect(streamed!.sizeBytes).toBe(10);
  });

  it('sends the bytes again only when they have changed', async () => {
    const store = await create();
    expect(await store.getIfChanged('news', 'never seen')).toBeUndefined();
    const { etag } = written(await store.put('news', bytes('first'), { contentType: 'text/plain' }));
    expect(await store.getIfChanged('news', etag)).toBe('unchanged');
    const other = await store.getIfChanged('news', 'another');
    expect(other).toMatchObject({ key: 'news', etag, sizeBytes: 5, contentType: 'text/plain' });
    await store.put('news', bytes('second'));
    const changed = await store.getIfChanged('news', etag);
    expect(changed).toMatchObject({ key: 'news', sizeBytes: 6 });
    expect(text(changed as StoredObject)).toBe('second');
    await store.delete('news');
    expect(await store.getIfChanged('news', etag)).toBeUndefined();
  });

  it('refuses ranges that are none', async () => {
    const store = await create();
    await store.put('digits', bytes('0123456789'));
    for (const range of [
      { start: -1, end: 2 },
      { start: 3, end: 2 },
      { start: 0.5, end: 2 },
      { start: Number.NaN, end: 1 },
    ]) {
      await expect(store.get('digits', { range })).rejects.toMatchObject({ code: 'invalid_request' });
      await expect(store.stream('digits', { range })).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });

  it('gives a local path that holds the bytes, and those of the new version after a change', async () => {
    const store = await create();
    const folder = await temporaryFolder();
    await store.put('graph/index.bin', bytes('one'));
    expect(await readFile((await store.localPath('graph/index.bin', folder))!, 'utf8')).toBe('one');
    await store.put('graph/index.bin', bytes('two'));
    expect(await readFile((await store.localPath('graph/index.bin', folder))!, 'utf8')).toBe('two');
  });
}

function describePuts(create: Create): void {
  it('keeps empty objects and every value of a byte', async () => {
    const store = await create();
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await store.put('empty', new Uint8Array());
    await store.put('all', all);
    expect(await store.get('empty')).toMatchObject({ sizeBytes: 0 });
    expect([...(await store.get('all'))!.bytes]).toEqual([...all]);
    expect((await buffer((await store.stream('empty'))!.body)).length).toBe(0);
  });

  it('stores a stream of several megabytes as it is', async () => {
    const store = await create();
    const chunk = Buffer.alloc(64 * 1024, 'chiasm');
    const total = 12 * 1024 * 1024;
    const body = Readable.from(repeat(chunk, total / chunk.length));
    const { etag } = written(await store.put('large.bin', body, { contentType: 'application/octet-stream' }));
    expect(await store.head('large.bin')).toMatchObject({
      sizeBytes: total,
      etag,
      contentType: 'application/octet-stream',
    });
    const middle = await store.get('large.bin', { range: { start: total / 2 - 8, end: total / 2 + 8 } });
    expect(
      Buffer.from(middle!.bytes).equals(Buffer.concat([chunk, chunk]).subarray(64 * 1024 - 8, 64 * 1024 + 8)),
    ).toBe(true);
  });

  it('stores an empty stream', async () => {
    const store = await create();
    written(await store.put('empty', Readable.from([])));
    expect(await store.head('empty')).toMatchObject({ sizeBytes: 0 });
  });

  it('leaves the old object when the stream of the new one breaks off', async () => {
    const store = await create();
    const { etag } = written(await store.put('k', bytes('old')));
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(100_000);
        throw new Error('the client went away');
      })(),
    );
    await expect(store.put('k', broken)).rejects.toThrow('the client went away');
    expect(await store.head('k')).toMatchObject({ etag, sizeBytes: 3 });
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['k']);
  });

  it('replaces bytes, content type and metadata together', async () => {
    const store = await create();
    await store.put('k', bytes('one'), { contentType: 'text/plain', metadata: { a: '1' } });
    await store.put('k', bytes('three'), { metadata: { b: '2' } });
    const second = await store.get('k');
    expect(second).toMatchObject({ sizeBytes: 5, metadata: { b: '2' } });
    expect(second!.metadata).not.toHaveProperty('a');
    expect(second!.contentType).not.toBe('text/plain');
    await store.put('k', bytes('four'));
    expect((await store.head('k'))!.metadata ?? {}).toEqual({});
  });

  it('forgets metadata with the object', async () => {
    const store = await create();
    await store.put('k', bytes('one'), { metadata: { a: '1' } });
    await store.delete('k');
    expect(await store.get('k')).toBeUndefined();
    await store.put('k', bytes('one'));
    expect((await store.head('k'))!.metadata ?? {}).toEqual({});
  });

  it('changes the etag with the bytes, in immediate succession too, and never returns to an old one', async () => {
    const store = await create();
    const etags = new Set<string>();
    for (let i = 0; i < 20; i++) etags.add(written(await store.put('k', bytes(`version ${100 + i}`))).etag);
    expect(etags.size).toBe(20);
    expect((await store.head('k'))!.etag).toBe([...etags].at(-1));
    for (const etag of etags) expect(etag).toMatch(/^[\w.-]+$/);
  });

  it.each(['', '/a', 'a/', 'a//b', '../a', 'a/./b', 'a\\b', 'a\u0000b', 'line\nbreak', 'x'.repeat(1025)])(
    'refuses the key %j',
    async (key) => {
      const store = await create();
      await expect(store.put(key, bytes('x'))).rejects.toMatchObject({ code: 'invalid_key' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'invalid_key' });
      await expect(store.delete(key)).rejects.toMatchObject({ code: 'invalid_key' });
    },
  );

  it.each<PutOptions>([
    { metadata: { Upper: 'x' } },
    { metadata: { 'two words': 'x' } },
    { metadata: { large: 'x'.repeat(3000) } },
    { contentType: 'text/plain\r\nx-evil: 1' },
  ])('refuses %j beside the bytes', async (options) => {
    const store = await create();
    await expect(store.put('k', bytes('x'), options)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await store.head('k')).toBeUndefined();
  });
}

function describeConditions(create: Create): void {
  it('writes with ifAbsent only where nothing is', async () => {
    const store = await create();
    written(await store.put('k', bytes('first'), { ifAbsent: true }));
    expect(await store.put('k', bytes('second'), { ifAbsent: true })).toEqual({ written: false });
    expect(text(await store.get('k'))).toBe('first');
    await store.delete('k');
    written(await store.put('k', bytes('third'), { ifAbsent: true }));
    expect(text(await store.get('k'))).toBe('third');
  });

  it('writes with ifMatch only over the version that was read', async () => {
    const store = await create();
    const first = written(await store.put('k', bytes('first')));
    const second = written(await store.put('k', bytes('second'), { ifMatch: first.etag }));
    expect(await store.put('k', bytes('third'), { ifMatch: first.etag })).toEqual({ written: false });
    expect(await store.head('k')).toMatchObject({ etag: second.etag });
    await store.delete('k');
    expect(await store.put('k', bytes('fourth'), { ifMatch: second.etag })).toEqual({ written: false });
    expect(await store.head('k')).toBeUndefined();
  });

  it('holds conditions for streams of any size', async () => {
    const store = await create();
    const large = () => Readable.from(repeat(Buffer.alloc(1024 * 1024, 'x'), 9));
    const first = written(await store.put('k', large(), { ifAbsent: true }));
    expect(await store.put('k', large(), { ifAbsent: true })).toEqual({ written: false });
    expect(await store.put('k', large(), { ifMatch: 'another' })).toEqual({ written: false });
    written(await store.put('k', bytes('small'), { ifMatch: first.etag }));
    expect(await store.head('k')).toMatchObject({ sizeBytes: 5 });
  });

  it('lets exactly one of many creators win', async () => {
    const store = await create();
    const results = await Promise.all(
      Array.from({ length: 16 }, (_, i) => store.put('lock', bytes(`writer ${i}`), { ifAbsent: true })),
    );
    const winners = results.flatMap((result, i) => (result.written ? [i] : []));
    expect(winners).toHaveLength(1);
    expect(text(await store.get('lock'))).toBe(`writer ${winners[0]}`);
  });

  it('loses no increment of a counter that many writers compare and swap', async () => {
    const store = await create();
    await store.put('counter', bytes('0'));
    const increment = async () => {
      for (;;) {
        const current = (await store.get('counter'))!;
        const next = bytes(String(Number(text(current)) + 1));
        if ((await store.put('counter', next, { ifMatch: current.etag })).written) return;
        await nextTick();
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 5; i++) await increment();
      }),
    );
    expect(text(await store.get('counter'))).toBe('40');
  });
}

function describeLists(create: Create): void {
  it('lists all objects in the order of their UTF-8 bytes', async () => {
    const store = await create();
    const keys = ['b', 'a/b', 'a.b', 'a-b', 'a0', 'A', 'a/b.c', 'a/c/d', 'é', '\uffee', '😀', '~', 'a b', '%41'];
    for (const key of keys) await store.put(key, bytes(key));
    const listed = await collect(store.list());
    expect(listed.map((info) => info.key)).toEqual(byUtf8([...keys]));
    for (const info of listed) {
      const { etag, sizeBytes, modifiedAtMs } = (await store.head(info.key))!;
      expect(info).toEqual({ key: info.key, etag, sizeBytes, modifiedAtMs });
    }
  });

  it('lists what has a prefix, and what comes after a key', async () => {
    const store = await create();
    const keys = ['a', 'b/1', 'b/2/x', 'b/3', 'b-x', 'bc', 'c/1'];
    for (const key of keys) await store.put(key, bytes('x'));
    for (const prefix of [undefined, '', 'b', 'b/', 'b/2', 'b/2/', 'b/2/x', 'b/9', '/', 'b//', '../', 'zz']) {
      for (const startAfter of [undefined, 'a', 'b', 'b/', 'b/1', 'b/2', 'b/2/x', 'b0', 'zzz']) {
        const expected = expectedListing(keys, { prefix, startAfter });
        const listed = await collect(store.list({ prefix, startAfter }));
        expect(
          listed.map((info) => info.key),
          `prefix ${prefix} after ${startAfter}`,
        ).toEqual(expected);
      }
    }
  });

  it('lists more objects than one page of S3 holds', async () => {
    const store = await create();
    const keys = Array.from({ length: 1105 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, bytes(key))));
    }
    expect((await collect(store.list({ prefix: 'many/' }))).map((info) => info.key)).toEqual(keys);
  });

  it('stops listing when the reader does', async () => {
    const store = await create();
    for (const key of ['a', 'b', 'c']) await store.put(key, bytes('x'));
    for await (const info of store.list()) {
      expect(info.key).toBe('a');
      break;
    }
  });
}

function describeOddKeys(create: Create, propertyRuns: number): void {
  it.each([
    'with space/and more .jpg',
    '100%/50%25.png',
    'emoji/😀👩‍👩‍👧.jpg',
    '日本語/写真.jpg',
    '.hidden/.file',
    'plus+and&query?x=1#hash',
    'quotes\'"<xml>&amp;',
    'trailing. /dots...',
    `long/${'n'.repeat(300)}/${'é'.repeat(150)}.jpg`,
    `${'x'.repeat(240)}..`,
    'a/.~more',
    'a.~more/b',
    'a.~same',
    '.chiasm-store/lock.sqlite',
    '.CHIASM-STORE/x',
    '__proto__/constructor',
  ])('keeps an object at the key %j', async (key) => {
    const store = await create();
    await store.put(key, bytes(key), { metadata: { of: key.slice(0, 100) } });
    expect(text(await store.get(key))).toBe(key);
    expect((await store.head(key))!.metadata).toEqual({ of: key.slice(0, 100) });
    expect((await collect(store.list({ prefix: key }))).map((info) => info.key)).toEqual([key]);
    expect((await collect(store.list())).map((info) => info.key)).toEqual([key]);
    expect(await readFile((await store.localPath(key, await temporaryFolder()))!, 'utf8')).toBe(key);
    await store.delete(key);
    expect(await collect(store.list())).toEqual([]);
  });

  it('keeps objects at any valid key', async () => {
    const store = await create();
    await fc.assert(
      fc.asyncProperty(anyKey(), fc.uint8Array({ maxLength: 64 }), async (key, content) => {
        await store.put(key, content);
        expect([...(await store.get(key))!.bytes]).toEqual([...content]);
        expect((await collect(store.list({ prefix: key }))).map((info) => info.key)).toEqual([key]);
        await store.delete(key);
        expect(await store.head(key)).toBeUndefined();
      }),
      { numRuns: propertyRuns * 2 },
    );
    expect(await collect(store.list())).toEqual([]);
  });
}

function describeAgainstModel(create: Create, propertyRuns: number): void {
  it('agrees with a map after any sequence of puts, conditional puts and deletes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyOperation(), { maxLength: 25 }), async (operations) => {
        const store = await create();
        const model = new Map<string, { content: string; etag: string }>();
        for (const operation of operations) await applyToBoth(store, model, operation);
        const listed = await collect(store.list());
        expect(listed.map(({ key, etag }) => ({ key, etag }))).toEqual(
          byUtf8([...model.keys()]).map((key) => ({ key, etag: model.get(key)!.etag })),
        );
        for (const [key, { content }] of model) expect(text(await store.get(key))).toBe(content);
      }),
      { numRuns: propertyRuns },
    );
  });
}

interface ModelOperation {
  readonly kind: 'put' | 'ifAbsent' | 'ifMatch' | 'ifOther' | 'delete';
  readonly key: string;
  readonly content: string;
}

function anyOperation(): fc.Arbitrary<ModelOperation> {
  return fc.record({
    kind: fc.constantFrom('put', 'ifAbsent', 'ifMatch', 'ifOther', 'delete'),
    key: fc.constantFrom('a', 'b/c', 'b/d/e', 'b.c', 'ö 100%', '😀'),
    content: fc.string({ maxLength: 4 }),
  });
}

async function applyToBoth(
  store: ObjectStore,
  model: Map<string, { content: string; etag: string }>,
  { kind, key, content }: ModelOperation,
): Promise<void> {
  const current = model.get(key);
  if (kind === 'delete') {
    await store.delete(key);
    model.delete(key);
    return;
  }
  const condition =
    kind === 'ifAbsent'
      ? { ifAbsent: true }
      : kind === 'put'
        ? {}
        : { ifMatch: kind === 'ifMatch' ? (current?.etag ?? 'x') : 'x' };
  const expected =
    kind === 'put' || (kind === 'ifAbsent' ? current === undefined : kind === 'ifMatch' && current !== undefined);
  const result = await store.put(key, bytes(content), condition);
  expect(result.written).toBe(expected);
  if (result.written) model.set(key, { content, etag: result.etag });
}

/** Valid keys of one to three segments, with the characters that trouble file systems, URLs and XML. */
export function anyKey(): fc.Arbitrary<string> {
  const character = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    fc.constantFrom(
      '.',
      '%',
      ' ',
      '~',
      '+',
      '&',
      '<',
      '"',
      "'",
      '?',
      '#',
      '*',
      ':',
      '😀',
      'é',
      'e\u0301',
      '\ufeff',
      '\u2028',
    ),
  );
  const segment = fc.oneof(
    { weight: 9, arbitrary: fc.array(character, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.integer({ min: 236, max: 330 }).map((length) => `${'w'.repeat(length)}.jpg`) },
  );
  return fc
    .array(segment, { minLength: 1, maxLength: 3 })
    .map((segments) => segments.join('/'))
    .filter((key) => objectKeyProblem(key) === undefined);
}

function expectedListing(keys: readonly string[], { prefix = '', startAfter }: ListOptions): string[] {
  return byUtf8(keys.filter((key) => key.startsWith(prefix))).filter(
    (key) => startAfter === undefined || Buffer.compare(Buffer.from(key), Buffer.from(startAfter)) > 0,
  );
}

/** The reference order: the bytes themselves. */
function byUtf8(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function* repeat(chunk: Buffer, times: number): Generator<Buffer> {
  for (let i = 0; i < times; i++) yield chunk;
}

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

export function text(found: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return found && new TextDecoder().decode(found.bytes);
}

export async function collect(infos: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const info of infos) all.push(info);
  return all;
}

export function written(result: PutResult): { etag: string } {
  if (!result.written)
    throw new ChiasmError('conflict', 'expected the put to be written; it lost against its condition');
  return result;
}
