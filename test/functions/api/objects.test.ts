import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, colourPicture, createFixture, type Fixture, keysUnder } from './api-fixture.ts';

let api: Fixture;
beforeAll(async () => {
  api = await createFixture();
});
afterAll(() => api.close());

const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

describe('an object', () => {
  it('is stored, pending, then indexed with its attributes, and served', async () => {
    const red = await colourPicture('red');
    const stored = await api.put('/v1/objects/holiday/red.png', red, {
      'content-type': 'image/png',
      'x-chiasm-attributes': '{"album":"Lisbon","stars":4}',
    });
    expect(stored.status).toBe(201);
    const { etag, ...rest } = await bodyOf(stored);
    expect(rest).toEqual({ key: 'holiday/red.png', sizeBytes: red.byteLength, contentType: 'image/png' });

    const pending = await bodyOf(api.request('/v1/items/holiday/red.png'));
    expect(pending).toMatchObject({
      key: 'holiday/red.png',
      status: 'pending',
      attributes: { album: 'Lisbon', stars: 4 },
    });
    await api.settle();
    const item = await bodyOf(api.request('/v1/items/holiday/red.png'));
    expect(item).toMatchObject({
      status: 'indexed',
      modality: 'image',
      parts: 1,
      ranges: [null],
      attributes: { album: 'Lisbon' },
    });

    const got = await api.request('/v1/objects/holiday/red.png');
    expect(got.status).toBe(200);
    expect(got.headers.get('etag')).toBe(`"${etag}"`);
    expect(got.headers.get('content-type')).toBe('image/png');
    expect(await bytesOf(got)).toEqual(new Uint8Array(red));
  });

  it.each([
    ['a b/ü 😀.txt', 'a%20b/%C3%BC%20%F0%9F%98%80.txt'],
    ['a b/ü 😀.txt', 'a%20b%2F%C3%BC%20%F0%9F%98%80.txt'],
    ['100% + #1 & ?.txt', '100%25%20+%20%231%20&%20%3F.txt'],
    ['%2e%2e.txt', '%252e%252e.txt'],
    [':key/*.txt', ':key/*.txt'],
  ])('with the key %j is reached at %s', async (key, path) => {
    expect((await api.put(`/v1/objects/${path}`, key, { 'content-type': 'text/plain' })).status).toBe(201);
    expect((await api.mediaStore.head(key))?.key).toBe(key);
    expect(await (await api.request(`/v1/objects/${path}`)).text()).toBe(key);
    expect((await bodyOf(api.request(`/v1/items/${path}`))).key).toBe(key);
  });

  it.each([
    ['%ff.txt', 'bytes that are no UTF-8'],
    ['100%.txt', 'a lone percent sign'],
    ['a%2F..%2Fb', '".."'],
    ['a//b', 'an empty segment'],
    ['a/', 'an empty last segment'],
    ['a%00b', 'a control character'],
    ['a%5Cb', 'a backslash'],
    ['k'.repeat(1025), 'more than 1,024 bytes'],
  ])('is refused at %s: %s', async (path) => {
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const response = await api.request(`/v1/objects/${path}`, { method, ...(method === 'PUT' ? { body: 'x' } : {}) });
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      expect(await bodyOf(response)).toMatchObject({ code: 'invalid_key', status: 400, type: '/docs#invalid_key' });
    }
  });

  it('is answered in ranges', async () => {
    await api.put('/v1/objects/digits', '0123456789', { 'content-type': 'text/plain' });
    const part = async (range: string) => api.request('/v1/objects/digits', { headers: { range } });
    for (const [range, text, contentRange] of [
      ['bytes=0-3', '0123', 'bytes 0-3/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-2', '89', 'bytes 8-9/10'],
      ['bytes=8-999', '89', 'bytes 8-9/10'],
    ]) {
      const response = await part(range!);
      expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([
        206,
        text,
        contentRange,
      ]);
    }
    for (const whole of ['bytes=5-2', 'lines=1-2', 'bytes=0-1,4-5', 'bytes=-'])
      expect((await part(whole)).status).toBe(200);
    for (const outside of ['bytes=10-', 'bytes=-0']) {
      const response = await part(outside);
      expect(response.status).toBe(416);
      expect(response.headers.get('content-range')).toBe('bytes */10');
    }
  });

  it('is not sent again to who has it', async () => {
    const { etag } = await bodyOf(api.put('/v1/objects/cached', 'x'));
    const ask = (headers: Record<string, string>) => api.request('/v1/objects/cached', { headers });
    expect((await ask({ 'if-none-match': `W/"other", "${etag}"` })).status).toBe(304);
    expect((await ask({ 'if-none-match': '"other"' })).status).toBe(200);
    expect((await ask({ range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200);
    expect((await ask({ range: 'bytes=0-0', 'if-range': `"${etag}"` })).status).toBe(206);
  });

  it('answers HEAD with its length and no body', async () => {
    await api.put('/v1/objects/head', 'four', { 'content-type': 'text/plain' });
    const response = await api.request('/v1/objects/head', { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '4', '']);
  });

  it('may be empty', async () => {
    expect((await api.put('/v1/objects/empty', '')).status).toBe(201);
    const response = await api.request('/v1/objects/empty');
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('of HTML or SVG is downloaded in a sandbox, never run in this origin', async () => {
    for (const [name, contentType] of [
      ['page.html', 'text/html'],
      ['drawing.svg', 'image/svg+xml'],
      ["it's (1).xhtml", 'application/xhtml+xml'],
    ]) {
      const path = `/v1/objects/${encodeURIComponent(name!)}`;
      await api.put(path, '<script>alert(1)</script>', { 'content-type': contentType! });
      const { headers } = await api.request(path);
      expect(headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[\w.%-]+$/);
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*; sandbox$/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  });

  it('is gone from everywhere as soon as its deletion returns', async () => {
    await api.put('/v1/objects/gone.png', await colourPicture('magenta'), { 'content-type': 'image/png' });
    await api.settle();
    await api.request('/v1/objects/gone.png?thumbnail=64');
    const thumbnails = async () => (await keysUnder(api.stateStore, 'thumbnails/')).length;
    const before = await thumbnails();
    expect((await api.request('/v1/objects/gone.png', { method: 'DELETE' })).status).toBe(204);
    const { results } = await bodyOf(api.request('/v1/search?q=magenta'));
    expect(results.map(({ key }: { key: string }) => key)).not.toContain('gone.png');
    expect((await api.request('/v1/objects/gone.png')).status).toBe(404);
    expect((await api.request('/v1/items/gone.png')).status).toBe(404);
    expect(await thumbnails()).toBe(before - 1);
    expect((await api.request('/v1/objects/gone.png', { method: 'DELETE' })).status).toBe(404);
  });

  it('is not erased by a program that cannot, nor deleted by half', async () => {
    await api.put('/v1/objects/kept', 'x');
    expect((await api.request('/v1/objects/kept?erase=true', { method: 'DELETE' })).status).toBe(400);
    expect((await api.request('/v1/objects/kept')).status).toBe(200);
  });
});

describe('a delete with a mistyped parameter', () => {
  it('is refused, and nothing is deleted', async () => {
    await api.put('/v1/objects/mistyped', 'x');
    const response = await api.request('/v1/objects/mistyped?erased=true', { method: 'DELETE' });
    expect(response.status).toBe(400);
    expect((await bodyOf(Promise.resolve(response))).detail).toContain('unknown: erased; known are erase');
    expect((await api.request('/v1/objects/mistyped')).status).toBe(200);
  });
});

describe('attributes in the header', () => {
  it('may hold any character, as UTF-8 or as \\u escapes', async () => {
    const utf8 = Buffer.from('{"ort":"Köln 😀"}', 'utf8').toString('latin1');
    for (const header of [utf8, String.raw`{"ort":"K\u00f6ln \ud83d\ude00"}`]) {
      await api.put('/v1/objects/named', 'x', { 'x-chiasm-attributes': header });
      expect((await bodyOf(api.request('/v1/items/named'))).attributes).toEqual({ ort: 'Köln 😀' });
    }
  });

  it.each([['no json'], ['[1]'], ['{"a":{"b":1}}'], ['{"$a":1}']])('are refused when they are %s', async (header) => {
    const response = await api.put('/v1/objects/bad-attributes', 'x', { 'x-chiasm-attributes': header });
    expect([response.status, (await bodyOf(response)).code]).toEqual([400, 'invalid_request']);
    expect(await api.mediaStore.head('bad-attributes')).toBeUndefined();
  });
});

describe('a thumbnail', () => {
  it('is a WebP no wider than asked, made once and cached', async () => {
    await api.put('/v1/objects/wide.png', await colourPicture('blue', 900, 300), { 'content-type': 'image/png' });
    const response = await api.request('/v1/objects/wide.png?thumbnail=333');
    expect(response.headers.get('content-type')).toBe('image/webp');
    const bytes = await bytesOf(response);
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width: 320 });
    const kept = await keysUnder(api.stateStore, 'thumbnails/');
    const again = await api.request('/v1/objects/wide.png?thumbnail=320', {
      headers: { 'if-none-match': response.headers.get('etag')! },
    });
    expect(again.status).toBe(304);
    expect(await bytesOf(await api.request('/v1/objects/wide.png?thumbnail=320'))).toEqual(bytes);
    expect(await keysUnder(api.stateStore, 'thumbnails/')).toEqual(kept);
  });

  it('follows the object', async () => {
    await api.put('/v1/objects/changes.png', await colourPicture('red', 100, 100), { 'content-type': 'image/png' });
    const first = await bytesOf(await api.request('/v1/objects/changes.png?thumbnail=64'));
    await api.put('/v1/objects/changes.png', await colourPicture('green', 100, 100), { 'content-type': 'image/png' });
    expect(await bytesOf(await api.request('/v1/objects/changes.png?thumbnail=64'))).not.toEqual(first);
  });

  it('of what is no picture is refused', async () => {
    await api.put('/v1/objects/words.txt', 'only words', { 'content-type': 'text/plain' });
    expect((await api.request('/v1/objects/words.txt?thumbnail=320')).status).toBe(415);
    for (const width of ['0', '63', '1601', 'x', '-1', '100.5', 'NaN']) {
      const response = await api.request(`/v1/objects/words.txt?thumbnail=${width}`);
      expect([width, response.status]).toEqual([width, 400]);
    }
  });
});

describe('a granted upload', () => {
  const body = { key: 'granted/ä.txt', contentType: 'text/plain', sizeBytes: 3, attributes: { from: 'grant' } };

  it('is stored at its URL with its headers', async () => {
    const response = await api.json('/v1/uploads', body);
    expect(response.status).toBe(201);
    const { url, method, headers, expiresAt } = await bodyOf(response);
    expect(method).toBe('PUT');
    expect(Date.parse(expiresAt)).toBeGreaterThan(api.clock.now());
    expect(new URL(url).origin).toBe('http://localhost');
    expect((await api.put(url, 'abc', { ...headers, 'content-length': '3' })).status).toBe(201);
    expect(await bodyOf(api.request('/v1/items/granted/%C3%A4.txt'))).toMatchObject({
      attributes: { from: 'grant' },
    });
  });

  it('needs no key where the server has keys, for this object and content type only and not for ever', async () => {
    const guarded = await createFixture({ apiKeys: ['secret'] });
    const granted = await guarded.request('/v1/uploads', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
      body: JSON.stringify(body),
    });
    const { url, ...grant } = await bodyOf(granted);
    const headers = { ...grant.headers, 'content-length': '3' };
    expect((await guarded.put(url, 'abc', headers)).status).toBe(201);
    expect((await guarded.put(url, 'abc', { 'content-type': 'text/html' })).status).toBe(401);
    expect((await guarded.put(url.replace('granted', 'other'), 'abc', headers)).status).toBe(401);
    expect((await guarded.request(url, { headers })).status).toBe(401);
    guarded.clock.advance(3_600_000);
    expect((await guarded.put(url, 'abc', headers)).status).toBe(401);
    await guarded.close();
  });

  it('takes exactly the bytes that were granted, also where the server has no keys', async () => {
    const { url, headers } = await bodyOf(api.json('/v1/uploads', { ...body, key: 'granted/exact.txt' }));
    for (const sent of [{ 'content-length': '4' }, {}]) {
      const refused = await api.put(url, 'abcd', { ...headers, ...sent });
      expect(refused.status).toBe(401);
      expect((await bodyOf(refused)).detail).toContain('number of bytes');
    }
    expect((await api.put(url, 'abcd', { ...headers, 'content-length': '3' })).status).toBe(400); // a lie
    expect((await api.request('/v1/objects/granted/exact.txt')).status).toBe(404);
  });

  it('is refused for a wrong key, size or attributes before anything is sent', async () => {
    for (const [wrong, status] of [
      [{ key: '../x' }, 400],
      [{ sizeBytes: -1 }, 400],
      [{ sizeBytes: 1e12 }, 413],
      [{ contentType: 'nonsense' }, 400],
      [{ attributes: { deep: {} } }, 400],
      [{ attributes: { list: [[1]] } }, 400],
      [{ attributes: { long: 'x'.repeat(3000) } }, 413],
      [{ surprise: 1 }, 400],
    ] as const) {
      expect([wrong, (await api.json('/v1/uploads', { ...body, ...wrong })).status]).toEqual([wrong, status]);
    }
  });
});
