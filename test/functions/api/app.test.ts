import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Health } from '#functions/api/app-dependencies.ts';
import { DEFAULT_API_LIMITS } from '#functions/api/app-dependencies.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { bodyOf, createFixture, type Fixture } from './api-fixture.ts';

let api: Fixture;
let health: Health = { status: 'ready' };
beforeAll(async () => {
  api = await createFixture({ health: () => health });
});
afterAll(() => api.close());

describe('a problem', () => {
  it('is a document with everything that helps, and the id of the request', async () => {
    const response = await api.request('/v1/items/none', { headers: { 'x-request-id': 'my-id.1' } });
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(response.headers.get('x-request-id')).toBe('my-id.1');
    expect(await bodyOf(response)).toEqual({
      type: '/docs#not_found',
      title: 'There is no such thing here',
      status: 404,
      detail: 'there is no item "none"',
      code: 'not_found',
      requestId: 'my-id.1',
    });
  });

  it('never repeats a request id that could harm', async () => {
    const response = await api.request('/v1/items/none', { headers: { 'x-request-id': '<b>"' } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers unknown routes, and wrong methods with those that are right', async () => {
    expect((await api.request('/v1/nothing')).status).toBe(404);
    expect((await bodyOf(api.request('/v1/unknown', { method: 'POST' }))).code).toBe('not_found');
    const wrong = await api.request('/v1/search', { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    const keyed = await api.request('/v1/objects/a/b', { method: 'PATCH' });
    expect([keyed.status, keyed.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD, PUT']);
    expect((await bodyOf(keyed)).code).toBe('method_not_allowed');
  });

  it('refuses bodies without or with another content type', async () => {
    const send = (headers: Record<string, string>) =>
      api.request('/v1/search', { method: 'POST', headers, body: new TextEncoder().encode('{"query":"a"}') });
    for (const headers of [
      {},
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      const response = await send(headers as Record<string, string>);
      expect([response.status, (await bodyOf(response)).code]).toEqual([415, 'unsupported_type']);
    }
    expect((await send({ 'content-type': 'application/json; charset=utf-8' })).status).toBe(200);
  });

  it('tells nothing of the machine when something breaks inside, and logs it', async () => {
    const broken = await createFixture({
      search: {
        search: async () => {
          throw new Error('ENOENT /home/somebody/secret');
        },
      },
    });
    const response = await broken.request('/v1/search?q=a');
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret');
    expect(broken.logged).toContainEqual(
      expect.objectContaining({
        event: 'api.fault',
        fields: expect.objectContaining({ requestId: JSON.parse(text).requestId }),
      }),
    );
    await broken.close();
  });

  it('says when to come back where waiting helps', async () => {
    const full = await createFixture({
      search: {
        search: async () => {
          throw new ChiasmError('storage_unavailable', 'the disk is full');
        },
      },
    });
    const response = await full.request('/v1/search?q=a');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    await full.close();
  });
});

describe('limits', () => {
  it('refuse a body by its declared length, and one that does not declare any while it comes', async () => {
    const small = await createFixture({ limits: { ...DEFAULT_API_LIMITS, bodyBytes: 1000, objectBytes: 1000 } });
    const json = { 'content-type': 'application/json' };
    const endless = () => {
      let pulled = 0;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          pulled += 1;
          controller.enqueue(new Uint8Array(500).fill(32));
        },
      });
      return { body, pulled: () => pulled };
    };
    for (const [method, path] of [
      ['POST', '/v1/search'],
      ['PUT', '/v1/objects/big'],
    ] as const) {
      const declared = await small.request(path, {
        method,
        headers: { ...json, 'content-length': '1001' },
        body: ' '.repeat(1001),
      });
      expect([method, declared.status, (await bodyOf(declared)).code]).toEqual([method, 413, 'too_large']);
      const stream = endless();
      const streamed = await small.request(path, {
        method,
        headers: json,
        body: stream.body,
        duplex: 'half',
      } as RequestInit);
      expect([method, streamed.status]).toEqual([method, 413]);
      expect(stream.pulled()).toBeLessThan(50);
    }
    expect(await small.mediaStore.head('big')).toBeUndefined();
    await small.close();
  });

  it('do not store an object that is shorter than declared', async () => {
    const response = await api.put('/v1/objects/short', 'abc', { 'content-length': '5' });
    expect(response.status).toBe(400);
    expect(await api.mediaStore.head('short')).toBeUndefined();
  });
});

describe('who may ask', () => {
  it('is whoever has a key, where there are keys', async () => {
    const guarded = await createFixture({ apiKeys: ['one', 'two'] });
    const ask = (authorization?: string, path = '/v1/stats') =>
      guarded.request(path, { headers: authorization === undefined ? {} : { authorization } });
    for (const key of ['Bearer one', 'bearer  two']) expect((await ask(key)).status).toBe(200);
    for (const key of [undefined, 'Bearer', 'Bearer on', 'Bearer onee', 'Basic one', 'one']) {
      const response = await ask(key);
      expect([key, response.status, response.headers.get('www-authenticate')]).toEqual([
        key,
        401,
        'Bearer realm="chiasm"',
      ]);
    }
    expect((await ask(undefined, '/metrics')).status).toBe(401);
    for (const open of ['/v1/health', '/docs', '/openapi.json']) expect((await ask(undefined, open)).status).toBe(200);
    for (const around of ['/v1/%73tats', '//v1/stats', '/v1/./stats', '/V1/stats']) {
      expect([around, (await ask(undefined, around)).status]).not.toEqual([around, 200]);
    }
    await guarded.close();
  });

  it('addresses the server by its own name', async () => {
    for (const host of ['localhost:8787', '127.0.0.1:8787', '[::1]:8787']) {
      expect([host, (await api.app.request(`http://${host}/v1/stats`)).status]).toEqual([host, 200]);
    }
    const rebound = await api.app.request('http://evil.example:8787/v1/stats');
    expect([rebound.status, (await bodyOf(rebound)).code]).toEqual([421, 'forbidden_host']);
    const open = await createFixture({ allowedHosts: 'any' });
    expect((await open.app.request('http://search.example/v1/stats')).status).toBe(200);
    await open.close();
  });

  it('is no other web page', async () => {
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'PUT' };
    const preflight = await api.request('/v1/objects/a', { method: 'OPTIONS', headers });
    expect(preflight.ok).toBe(false);
    for (const response of [preflight, await api.request('/v1/stats', { headers })]) {
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  });
});

describe('what the system says of itself', () => {
  it('is 503 until it is ready, and so is everything that needs the model or the index', async () => {
    health = { status: 'starting', detail: 'loading the model' };
    const starting = await api.request('/v1/health');
    expect([starting.status, await bodyOf(starting)]).toEqual([
      503,
      { status: 'starting', detail: 'loading the model' },
    ]);
    const search = await api.request('/v1/search?q=a');
    expect([search.status, search.headers.get('retry-after'), (await bodyOf(search)).code]).toEqual([
      503,
      '2',
      'not_ready',
    ]);
    expect(await (await api.request('/metrics')).text()).toContain('chiasm_ready 0');
    health = { status: 'ready' };
    expect(await bodyOf(api.request('/v1/health'))).toEqual({ status: 'ready' });
  });

  it('counts items by status and modality', async () => {
    await api.put('/v1/objects/one.txt', 'red', { 'content-type': 'text/plain' });
    expect((await bodyOf(api.request('/v1/stats'))).items).toEqual({ pending: 1, indexed: 0, failed: 0 });
    await api.settle();
    expect(await bodyOf(api.request('/v1/stats'))).toMatchObject({
      items: { pending: 0, indexed: 1, failed: 0 },
      modalities: { text: { indexed: 1, failed: 0 }, image: { indexed: 0, failed: 0 } },
      index: { generation: 0, items: 1, parts: 1, fresh: 1 },
      queue: { pending: 0, dead: 0, done: 0, failed: 0 },
    });
  });

  it('names its models', async () => {
    const { models } = await bodyOf(api.request('/v1/models'));
    expect(models).toMatchObject([{ name: 'tiny', active: true, space: { dimensions: 32 }, licence: 'Apache-2.0' }]);
  });

  it('gives Prometheus few labels, whatever the keys are', async () => {
    const fresh = await createFixture();
    for (let i = 0; i < 5; i++) await fresh.request(`/v1/items/key-${i}`);
    await fresh.request('/v1/search?q=red');
    await fresh.request('/no/such/route');
    const response = await fresh.request('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    expect(text).toContain('chiasm_http_requests_total{method="GET",route="/v1/items/:key",status="404"} 5\n');
    expect(text).toContain('chiasm_http_requests_total{method="GET",route="other",status="404"} 1\n');
    expect(text).toContain('chiasm_search_seconds_count{stage="encode"} 1\n');
    expect(text).toContain('chiasm_queue_messages{state="pending"} 0\n');
    expect(text).not.toContain('key-1');
    await fresh.close();
  });

  it('measures the recall of its index, with a filter and without', async () => {
    const fresh = await createFixture();
    for (const name of ['red', 'green', 'blue']) await fresh.put(`/v1/objects/${name}.txt`, name);
    await fresh.settle();
    expect(await bodyOf(fresh.json('/v1/recall', { k: 2, samples: 3 }))).toMatchObject({
      recall: 1,
      samples: 3,
      k: 2,
      plan: 'exact',
    });
    expect((await bodyOf(fresh.request('/v1/stats'))).recall).toMatchObject({ recall: 1, samples: 3, k: 2 });
    const { recall, confidenceInterval } = await bodyOf(fresh.json('/v1/recall', { filter: { key: 'red.txt' } }));
    expect(recall).toBe(1);
    expect(confidenceInterval[0]).toBeLessThan(confidenceInterval[1]);
    expect((await fresh.json('/v1/recall', { filter: { a: { $x: 1 } } })).status).toBe(400);
    await fresh.close();
  });

  it('lists what is in it nearly twice, page by page', async () => {
    const fresh = await createFixture();
    for (const name of ['red', 'green']) {
      for (const copy of ['a', 'b']) await fresh.put(`/v1/objects/${name}-${copy}.txt`, name);
    }
    await fresh.settle();
    const page = await bodyOf(fresh.request('/v1/duplicates?kind=similar&limit=1'));
    const next = await bodyOf(fresh.request(`/v1/duplicates?kind=similar&limit=1&cursor=${page.nextCursor}`));
    const keys = [page, next].map(({ groups }) => groups.map((group: any) => group.items.map((item: any) => item.key)));
    expect(keys).toEqual([[['green-a.txt', 'green-b.txt']], [['red-a.txt', 'red-b.txt']]]);
    await fresh.close();
  });

  it('queues failed items again: those named, or all', async () => {
    const changed: string[][] = [];
    const fresh = await createFixture();
    const { deps } = fresh;
    const failed = (key: string) => ({
      operation: 'put' as const,
      item: {
        key,
        sequencer: '1',
        etag: 'e',
        status: 'failed' as const,
        failure: { code: 'corrupt_input', message: 'cut off' },
        contentType: 'image/png',
        sizeBytes: 1,
        attributes: {},
        indexedAt: '2026-01-01T00:00:00.000Z',
      },
      parts: [],
    });
    await deps.spaces.members[0].index.apply([failed('a.png'), failed('b.png')]);
    await fresh.put('/v1/objects/good.txt', 'good');
    await fresh.settle();
    const original = deps.ingest.changed;
    Object.assign(deps.ingest, { changed: async (keys: string[]) => void changed.push([...keys]) });
    expect(await bodyOf(fresh.json('/v1/retries', { keys: ['b.png', 'good.txt', 'unknown'] }))).toEqual({ queued: 1 });
    const all = await fresh.json('/v1/retries', {});
    expect([all.status, await bodyOf(all)]).toEqual([202, { queued: 2 }]);
    expect(changed).toEqual([['b.png'], ['a.png', 'b.png']]);
    expect((await fresh.json('/v1/retries', { keys: ['../x'] })).status).toBe(400);
    Object.assign(deps.ingest, { changed: original });
    await fresh.close();
  });
});
