/** Upload to search over the cloud's own programs, and what happens when they are killed. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Client } from '#shared/store/s3-client.ts';
import { s3Event } from '../../ingest/s3-event.ts';
import { type ApiEventOptions, apiEvent } from './api-event.ts';
import { type Cloud, type CloudFunction, startCloud } from './cloud-harness.ts';
import { sqsEvent } from './sqs-event.ts';

let cloud: Cloud;
let api: CloudFunction;

beforeAll(async () => {
  cloud = await startCloud();
  api = await cloud.startFunction('api');
}, 120_000);
afterAll(() => cloud.close());

async function call(path: string, options?: ApiEventOptions) {
  const { prelude, body } = await api.runtime.invoke(apiEvent(path, options));
  const text = body.toString();
  return {
    status: prelude!.statusCode,
    headers: prelude!.headers,
    bytes: body,
    json: text === '' ? undefined : asJson(text),
  };
}

function asJson(text: string): any {
  return text.startsWith('{') ? JSON.parse(text) : undefined;
}

const picture = (background: string) =>
  sharp({ create: { width: 32, height: 32, channels: 3, background } })
    .png()
    .toBuffer();

/** As a client does: asks for leave, then sends the bytes to the bucket. */
async function upload(key: string, bytes: Uint8Array, contentType = 'image/png', attributes: object = {}) {
  const body = { key, contentType, sizeBytes: bytes.length, attributes };
  const { json } = await call('/v1/uploads', { method: 'POST', body });
  return fetch(json.url, { method: json.method, headers: json.headers, body: Buffer.from(bytes) });
}

async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 45_000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`timed out: ${what}\n${api.output().slice(-3_000)}`);
    await sleep(100);
  }
}

const isIndexed = async (key: string) =>
  (await call(`/v1/items/${encodeURIComponent(key)}`)).json?.status === 'indexed';

describe('the cloud', () => {
  it('answers while it is empty', async () => {
    expect((await call('/v1/health')).json).toEqual({ status: 'ready' });
    expect((await call('/v1/search', { query: { q: 'red' } })).json.results).toEqual([]);
  });

  it('makes an upload searchable by itself, and forgets what was deleted', async () => {
    const worker = cloud.startWorker();
    const key = 'holiday/a red+square 100% ü😀.png';
    expect((await upload(key, await picture('red'), 'image/png', { album: 'Lisbon' })).status).toBe(200);
    await until(() => isIndexed(key), 'the upload is indexed');
    const { json } = await call('/v1/search', { method: 'POST', body: { query: 'red', filter: { album: 'Lisbon' } } });
    expect(json.results.map((result: any) => result.key)).toEqual([key]);
    const shown = await call(`/v1/objects/${encodeURIComponent(key)}`);
    expect(shown.status).toBe(302);
    const bytes = Buffer.from(await (await fetch(shown.headers.location!)).arrayBuffer());
    expect(bytes.equals(await picture('red'))).toBe(true);

    expect((await call(`/v1/objects/${encodeURIComponent(key)}`, { method: 'DELETE' })).status).toBe(204);
    expect((await call('/v1/search', { query: { q: 'red' } })).json.results).toEqual([]);
    await until(async () => (await call('/v1/stats')).json.queue.pending === 0, 'the delete is worked off');
    expect(await worker.signal('SIGTERM')).toBe(0);
    expect(worker.logged.at(-1)).toMatchObject({ event: 'indexer.stopped', program: 'indexer' });
    expect(worker.logged.some((line) => line._aws !== undefined && line.IndexedItems >= 1)).toBe(true);
  });

  it('lets nobody upload another type or size than was granted', async () => {
    const { json } = await call('/v1/uploads', {
      method: 'POST',
      body: { key: 'granted.png', contentType: 'image/png', sizeBytes: 10 },
    });
    const send = (bytes: number, contentType: string) =>
      fetch(json.url, {
        method: 'PUT',
        headers: { ...json.headers, 'content-type': contentType },
        body: Buffer.alloc(bytes),
      });
    expect((await send(11, 'image/png')).status).toBe(403);
    expect((await send(10, 'text/html')).status).toBe(403);
    expect((await call('/v1/items/granted.png')).status).toBe(404);
  });

  it('takes, gives and compresses bytes of any kind', async () => {
    const bytes = await picture('teal');
    const stored = await call('/v1/objects/direct.png', {
      method: 'PUT',
      headers: { 'content-type': 'image/png' },
      body: bytes,
    });
    expect(stored.status).toBe(201);
    const thumbnail = await call('/v1/objects/direct.png', { query: { thumbnail: '64' } });
    expect(thumbnail.headers['content-type']).toBe('image/webp');
    expect((await sharp(thumbnail.bytes).metadata()).format).toBe('webp');
    const page = await call('/');
    expect(page.headers['content-security-policy']).toContain(new URL(cloud.s3.settings.endpoint).origin);
    expect(page.bytes.toString()).toContain('<html');
  });

  it('answers questions about a picture with the reader of its image', async () => {
    const image = { data: (await picture('blue')).toString('base64') };
    const ask = (body: object) => call('/v1/answer', { method: 'POST', body: { image, ...body } });
    expect((await ask({ question: 'what colour is it?' })).json).toMatchObject({ answer: 'blue', model: 'reader' });
    expect((await ask({ question: 'which?', choices: ['red', 'blue'] })).json).toMatchObject({ answer: 'blue' });
    expect((await call('/v1/models')).json).toMatchObject({ reader: { name: 'reader' } });
    const streamed = await call('/v1/answer', {
      method: 'POST',
      headers: { accept: 'text/event-stream' },
      body: { question: 'a dog?', image },
    });
    expect(streamed.bytes.toString()).toMatch(/^event: answer\ndata: .*"answer":"yes"/);
  });

  it('tells the request id of API Gateway, in the answer and in one line of the log', async () => {
    const { headers } = await call('/v1/stats');
    expect(headers['x-request-id']).toBe('c6af9ac6-7b61-11e6-9a41-93e8deadbeef');
    const line = api.logged.findLast(({ event, route }) => event === 'api.request' && route === '/v1/stats')!;
    expect(line).toMatchObject({
      requestId: headers['x-request-id'],
      traceId: expect.stringContaining('Root='),
      status: 200,
    });
    expect(line._aws.CloudWatchMetrics[0]).toMatchObject({ Namespace: 'Chiasm', Dimensions: [['stage']] });
  });

  it('loses nothing when the indexer is killed in the middle', async () => {
    const client = createS3Client(cloud.s3.settings);
    const keys = Array.from({ length: 120 }, (_, i) => `many/${i}.png`);
    for (const [i, Key] of keys.entries()) {
      const Body = await picture(`#${String((i * 104729) % 1_000_000).padStart(6, '0')}`);
      await client.send(new PutObjectCommand({ Bucket: cloud.mediaBucket, Key, Body, ContentType: 'image/png' }));
    }
    const count = async () => (await call('/v1/stats')).json.items.indexed as number;
    const before = await count();
    const first = cloud.startWorker();
    await until(async () => (await count()) > before, 'the first worker has stored something');
    expect(await first.signal('SIGKILL')).toBe('SIGKILL');
    const second = cloud.startWorker();
    await until(() => second.logged.some(({ event }) => event === 'indexer.started'), 'the second worker is there');
    await until(async () => (await call('/v1/stats')).json.queue.pending === 0, 'the second worker has done the rest');
    for (const key of keys) expect(await isIndexed(key), key).toBe(true);
    expect(cloud.sqs.dead(cloud.queueUrl)).toEqual([]);
    expect(await second.signal('SIGTERM')).toBe(0);
  }, 120_000);

  it('folds what is fresh into a generation, which the API follows', async () => {
    const compactor = await cloud.startFunction('compactor');
    const delta = {
      source: 'aws.s3',
      'detail-type': 'Object Created',
      detail: { bucket: { name: cloud.stateBucket } },
    };
    const key = 'spaces/some-space/delta/x.arrow';
    const few = await compactor.runtime.invoke({ ...delta, detail: { ...delta.detail, object: { key } } });
    expect(JSON.parse(few.body.toString())).toEqual({ compacted: {} });
    const { json: before } = await call('/v1/stats');
    const done = await compactor.runtime.invoke({ source: 'chiasm.schedule' });
    expect(Object.values(JSON.parse(done.body.toString()).compacted)).toEqual([1]);
    await until(async () => (await call('/v1/stats')).json.index.generation === 1, 'the API has the generation');
    const { json: after } = await call('/v1/stats');
    expect(after.items).toEqual(before.items);
    expect(after.index).toMatchObject({ fresh: 0, deltas: 0 });
    const { json } = await call('/v1/search', { method: 'POST', body: { query: [{ item: 'many/7.png' }] } });
    expect(json.results[0].key).toBe('many/7.png');
  });

  it('gives the same vectors in both lanes', async () => {
    const lane = await cloud.startFunction('small-lane');
    cloud.deliverEvents = false;
    const bytes = await picture('orange');
    await upload('lane/cpu.png', bytes);
    const body = JSON.stringify(
      s3Event('Object Created', { bucket: cloud.mediaBucket, key: 'lane/cpu.png', sequencer: '00A1' }),
    );
    const answer = await lane.runtime.invoke(sqsEvent([body]));
    expect(JSON.parse(answer.body.toString())).toEqual({ batchItemFailures: [] });
    cloud.deliverEvents = true;
    await upload('lane/worker.png', await sharp(bytes).png({ compressionLevel: 1 }).toBuffer()); // same pixels, other bytes
    const worker = cloud.startWorker();
    await until(() => isIndexed('lane/worker.png'), 'the worker has indexed its copy');
    await until(() => isIndexed('lane/cpu.png'), 'the function has indexed its copy');
    await worker.signal('SIGTERM');
    const { json } = await call('/v1/search', {
      method: 'POST',
      body: { query: [{ item: 'lane/cpu.png' }], limit: 3 },
    });
    const scores = new Map(json.results.map((result: any) => [result.key, result.score]));
    expect(scores.get('lane/worker.png')).toBeCloseTo(scores.get('lane/cpu.png') as number, 6);
  }, 90_000);

  it('reports the messages of a batch that failed, and gives up with the reason what nobody can read', async () => {
    const lane = await cloud.startFunction('small-lane');
    cloud.deliverEvents = false;
    await upload('batch/good.png', await picture('navy'));
    cloud.deliverEvents = true;
    const event = (key: string) =>
      JSON.stringify(s3Event('Object Created', { bucket: cloud.mediaBucket, key, sequencer: '00B1' }));
    cloud.s3.fail({ method: 'HEAD', url: /batch\/unlucky/, effect: 503, times: 5 });
    const bodies = [event('batch/good.png'), event('batch/unlucky.png'), event('folder/'), '{"not":"ours"}'];
    const answer = await lane.runtime.invoke(sqsEvent(bodies));
    expect(JSON.parse(answer.body.toString())).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
    await until(() => isIndexed('batch/good.png'), 'the rest of the batch is indexed');
    const [letter] = cloud.sqs.dead(cloud.queueUrl);
    expect(letter).toMatchObject({ body: '{"not":"ours"}', attributes: { attempts: '1' } });
    expect(letter!.attributes.reason).toMatch(/expected an S3 event/);
    expect(lane.logged.find(({ event: name }) => name === 'ingest.fault')).toMatchObject({
      key: 'batch/unlucky.png',
      requestId: answer.requestId,
    });
  }, 90_000);
});
