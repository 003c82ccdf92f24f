import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, colourPicture, createFixture, type Fixture } from './api-fixture.ts';

let api: Fixture;
beforeAll(async () => {
  api = await createFixture();
  for (const colour of ['red', 'green', 'blue']) {
    await api.put(`/v1/objects/pictures/${colour}-square.png`, await colourPicture(colour), {
      'content-type': 'image/png',
      'x-chiasm-attributes': JSON.stringify({ warm: colour === 'red', colour }),
    });
  }
  await api.put('/v1/objects/notes/car.txt', 'a red car on the grass', { 'content-type': 'text/plain' });
  await api.settle();
});
afterAll(() => api.close());

const search = (body: object) => bodyOf(api.json('/v1/search', body));
const keysOf = (answer: { results: { key: string }[] }) => answer.results.map(({ key }) => key);

describe('search', () => {
  it('finds a picture by words, with its probability and everything a tile needs', async () => {
    const answer = await bodyOf(api.request('/v1/search?q=crimson&modality=image&limit=2'));
    expect(answer.results).toHaveLength(2);
    expect(answer.results[0]).toMatchObject({
      key: 'pictures/red-square.png',
      modality: 'image',
      matched: 'vector',
      part: null,
      attributes: { warm: true },
      url: '/v1/objects/pictures/red-square.png',
      contentType: 'image/png',
    });
    expect(answer.results[0].score).toBeGreaterThan(answer.results[1].score);
    expect(answer.results[0].probability).toBeGreaterThan(0.5);
    expect(answer.index).toMatchObject({ items: 4, fresh: 4 });
    expect(answer.belowThreshold).toBe(0);
    expect(Object.keys(answer.tookMs)).toEqual(['encode', 'search', 'total']);
  });

  it('finds a passage by its words, with the words marked', async () => {
    const { results } = await search({ query: 'grass', mode: 'lexical' });
    expect(results).toMatchObject([{ key: 'notes/car.txt', matched: 'text', part: { startChar: 0 } }]);
    expect(results[0].snippet).toContain('\u0002grass\u0003');
  });

  it('finds by a picture in the request, by an item, and by several terms with weights', async () => {
    const data = Buffer.from(await colourPicture('#00ee11')).toString('base64');
    expect(keysOf(await search({ query: [{ image: { data } }], modalities: ['image'] }))[0]).toBe(
      'pictures/green-square.png',
    );
    const blue = 'pictures/blue-square.png';
    expect(keysOf(await search({ query: [{ item: blue }] }))[0]).toBe(blue);
    expect(
      keysOf(await search({ query: [{ image: { item: blue } }, { text: 'blue', weight: 0.5 }], limit: 1 })),
    ).toEqual([blue]);
    const away = await search({
      query: [{ text: 'red' }, { item: blue, weight: -1 }],
      modalities: ['image'],
      mode: 'vector',
    });
    expect(keysOf(away)[0]).toBe('pictures/red-square.png');
    expect(keysOf(away).at(-1)).toBe(blue);
  });

  it('keeps to the filter', async () => {
    const only = async (filter: object) => keysOf(await search({ query: 'red', filter })).sort();
    expect(await only({ warm: true })).toEqual(['pictures/red-square.png']);
    expect(await only({ $or: [{ colour: 'blue' }, { key: { $prefix: 'notes/' } }] })).toEqual([
      'notes/car.txt',
      'pictures/blue-square.png',
    ]);
    expect(await only({ $not: { modality: 'image' } })).toEqual(['notes/car.txt']);
    expect(await only({})).toHaveLength(4);
  });

  it('says that nothing matches, and how many lie below', async () => {
    const answer = await search({ query: 'white', mode: 'vector', minProbability: 0.999 });
    expect(answer).toMatchObject({ results: [], belowThreshold: 4 });
  });

  it('goes on where the page before ended', async () => {
    const first = await search({ query: 'red', limit: 3 });
    const second = await search({ query: 'red', limit: 3, cursor: first.nextCursor });
    expect(new Set([...keysOf(first), ...keysOf(second)]).size).toBe(4);
    expect(second.nextCursor).toBeUndefined();
    const link = await bodyOf(api.request('/v1/search?q=red&limit=3'));
    expect(keysOf(link)).toEqual(keysOf(first));
  });

  it.each<[string, object, number, string, string?]>([
    ['no query', {}, 400, 'invalid_request', '/query'],
    ['an empty query', { query: ' ' }, 400, 'invalid_request', '/query'],
    ['no terms', { query: [] }, 400, 'invalid_request', '/query'],
    ['a lone surrogate', { query: '\ud800' }, 400, 'invalid_request', '/query'],
    ['a term that is nothing', { query: [{ weight: 1 }] }, 400, 'invalid_request', '/query/0'],
    ['a term that is two things', { query: [{ text: 'a', item: 'b' }] }, 400, 'invalid_request', '/query/0'],
    ['weights that are all zero', { query: [{ text: 'a', weight: 0 }] }, 400, 'invalid_request', '/query'],
    [
      'terms that cancel out',
      { query: [{ text: 'red' }, { text: 'red', weight: -1 }] },
      400,
      'invalid_request',
      '/query',
    ],
    ['a weight in words', { query: [{ text: 'a', weight: 'much' }] }, 400, 'invalid_request', '/query/0/weight'],
    ['no base64', { query: [{ image: { data: '***' } }] }, 400, 'invalid_request', '/query/0/image/data'],
    ['bytes that are no picture', { query: [{ image: { data: 'AAAA' } }] }, 415, 'unsupported_type'],
    ['an unknown item', { query: [{ item: 'nowhere.png' }] }, 404, 'not_found', '/query/0/item'],
    ['a key with ..', { query: [{ item: '../../etc/passwd' }] }, 400, 'invalid_key'],
    [
      'a picture that is a text',
      { query: [{ image: { item: 'notes/car.txt' } }] },
      400,
      'invalid_request',
      '/query/0/image/item',
    ],
    ['10,000 terms', { query: Array.from({ length: 10_000 }, () => ({ text: 'a' })) }, 413, 'too_large'],
    ['a text over 1 MB', { query: 'a'.repeat(1_000_001) }, 413, 'too_large'],
    ['limit 0', { query: 'a', limit: 0 }, 400, 'invalid_request', '/limit'],
    ['limit 101', { query: 'a', limit: 101 }, 400, 'invalid_request', '/limit'],
    ['an unknown mode', { query: 'a', mode: 'magic' }, 400, 'invalid_request', '/mode'],
    ['an unknown modality', { query: 'a', modalities: ['smell'] }, 400, 'invalid_request', '/modalities/0'],
    ['a probability of 2', { query: 'a', minProbability: 2 }, 400, 'invalid_request', '/minProbability'],
    ['a broken cursor', { query: 'a', cursor: 'AAAA' }, 400, 'invalid_request', '/cursor'],
    ['an unknown operator', { query: 'a', filter: { x: { $near: 1 } } }, 400, 'invalid_request', '/filter/x/$near'],
    ['a misspelt field', { query: 'a', limits: 3 }, 400, 'invalid_request', '/'],
  ])('refuses %s', async (_name, body, status, code, path) => {
    const response = await api.json('/v1/search', body);
    const problem = await bodyOf(response);
    expect([response.status, problem.code]).toEqual([status, code]);
    if (path !== undefined) expect(problem.issues.map((issue: { path: string }) => issue.path || '/')).toContain(path);
  });

  it.each([
    ['1e999 as a weight', '{"query":[{"text":"a","weight":1e999}]}'],
    ['NaN', '{"query":[{"text":"a","weight":NaN}]}'],
    ['half a body', '{"query":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['a filter nested 50,000 deep', `{"query":"a","filter":${'{"$not":'.repeat(50_000)}{}${'}'.repeat(50_001)}`],
  ])('refuses a body with %s', async (_name, body) => {
    const response = await api.request('/v1/search', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect([response.status, (await bodyOf(response)).code]).toEqual([400, 'invalid_request']);
  });

  it('refuses query parameters that it does not know, and names those that it does', async () => {
    const response = await api.request('/v1/search?q=red&limt=3&filter=%7B%7D');
    expect(response.status).toBe(400);
    const { detail } = await bodyOf(Promise.resolve(response));
    expect(detail).toContain('unknown: limt, filter; known are q, limit, mode, modality, cursor, minProbability');
  });

  it.each([
    ['/v1/items?statuss=failed', 'unknown: statuss; known are prefix, modality, status, filter, limit, cursor'],
    ['/v1/duplicates?kinds=similar', 'unknown: kinds; known are kind, limit, cursor'],
    ['/v1/jobs?limt=1', 'unknown: limt; known are limit, cursor'],
  ])('refuses %s too', async (path, said) => {
    const response = await api.request(path);
    expect(response.status).toBe(400);
    expect((await bodyOf(Promise.resolve(response))).detail).toContain(said);
  });

  it('refuses query strings that are wrong', async () => {
    for (const query of [
      '',
      '?q=',
      '?q=a&limit=x',
      '?q=a&limit=1.5',
      '?q=a&mode=no',
      '?q=a&minProbability=-1',
      '?q=a&cursor=%ff',
    ]) {
      expect([query, (await api.request(`/v1/search${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('takes a long query: words that no item has, more than the model reads', async () => {
    const response = await api.json('/v1/search', { query: 'red car '.repeat(20_000) });
    expect(response.status).toBe(200);
  });
});

describe('the list of items', () => {
  it('is in pages, by prefix, modality and status', async () => {
    const list = (query: string) => bodyOf(api.request(`/v1/items?${query}`));
    const first = await list('limit=3');
    const second = await list(`limit=3&cursor=${first.nextCursor}`);
    const keys = [...first.items, ...second.items].map(({ key }) => key);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toHaveLength(4);
    expect(second.nextCursor).toBeUndefined();
    expect((await list('prefix=pictures/&modality=image')).items).toHaveLength(3);
    expect((await list('status=failed')).items).toEqual([]);
    await api.put('/v1/objects/waiting.txt', 'soon', { 'content-type': 'text/plain' });
    expect((await list('status=pending')).items).toMatchObject([
      { key: 'waiting.txt', status: 'pending', sizeBytes: 4 },
    ]);
    expect((await list('status=pending&prefix=pictures/')).items).toEqual([]);
    await api.settle();
    expect((await list('status=pending')).items).toEqual([]);
    for (const wrong of ['cursor=nonsense', 'limit=0', 'status=lost', 'modality=smell', 'cursor=W10']) {
      expect([wrong, (await api.request(`/v1/items?${wrong}`)).status]).toEqual([wrong, 400]);
    }
  });
});

describe('classification in words', () => {
  const classify = (body: object) => api.json('/v1/classify', body);

  it('finds the class of a picture, given as bytes or as an item', async () => {
    const data = Buffer.from(await colourPicture('red')).toString('base64');
    for (const image of [{ data }, { item: 'pictures/red-square.png' }]) {
      const answer = await bodyOf(
        classify({ input: { image }, labels: ['red', 'green', { name: 'sea', prompts: ['blue'] }] }),
      );
      expect(answer.labels.map(({ name }: { name: string }) => name)[0]).toBe('red');
      expect(
        answer.labels.reduce((sum: number, { probability }: { probability: number }) => sum + probability, 0),
      ).toBeCloseTo(1, 6);
      expect(answer.model).toBe('tiny');
    }
  });

  it('finds the class of a text, and labels one by one', async () => {
    const answer = await bodyOf(
      classify({ input: { text: 'a red square' }, labels: ['crimson', 'black'], multiLabel: true }),
    );
    expect(answer.labels[0].name).toBe('crimson');
    expect(answer.labels[0].probability).toBeGreaterThan(0.5);
    expect(answer.labels[1].probability).toBeLessThan(0.5);
  });

  it.each<[string, object, number, string]>([
    ['no input', { input: {}, labels: ['a'] }, 400, 'invalid_request'],
    ['no labels', { input: { text: 'a' } }, 400, 'invalid_request'],
    ['a label twice', { input: { text: 'a' }, labels: ['x', 'x'] }, 400, 'invalid_request'],
    ['an empty label', { input: { text: 'a' }, labels: [''] }, 400, 'invalid_request'],
    [
      '1,001 labels',
      { input: { text: 'a' }, labels: Array.from({ length: 1001 }, (_, i) => `${i}`) },
      413,
      'too_large',
    ],
    ['a huge label', { input: { text: 'a' }, labels: ['x'.repeat(100_000)] }, 413, 'too_large'],
    [
      'signals without a trained classifier',
      { input: { signals: { ecg: [1] } }, labels: ['a'] },
      400,
      'invalid_request',
    ],
    ['an unknown classifier', { input: { text: 'a' }, classifier: 'mine' }, 404, 'not_found'],
    ['a picture that is none', { input: { image: { data: 'AAAA' } }, labels: ['a'] }, 415, 'unsupported_type'],
  ])('refuses %s', async (_name, body, status, code) => {
    const response = await classify(body);
    expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
  });
});
