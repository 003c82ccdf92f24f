/** The handlers under AWS's own runtime client. */

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createS3Client } from '#shared/store/s3-client.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { s3Event } from '../../ingest/s3-event.ts';
import { apiEvent } from './api-event.ts';
import { type Cloud, hasAwsClient, startCloud } from './cloud-harness.ts';
import { sqsEvent } from './sqs-event.ts';

if (!hasAwsClient) {
  process.stdout.write("left out: the handlers under AWS's runtime client, which .ci/run installs\n");
}

describe.skipIf(!hasAwsClient)("under AWS's runtime client", () => {
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await startCloud();
  }, 120_000);
  afterAll(() => cloud?.close());

  it('the API takes and streams bytes of any kind, for keys of any kind', async () => {
    const { runtime } = await cloud.startFunction('api', 'aws');
    const call = (...request: Parameters<typeof apiEvent>) => runtime.invoke(apiEvent(...request));
    const bytes = await sharp({ create: { width: 80, height: 80, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const path = `/v1/objects/${encodeURIComponent('ä b/100% "+😀.png')}`;
    const put = await call(path, { method: 'PUT', headers: { 'content-type': 'image/png' }, body: bytes });
    expect(put.prelude?.statusCode).toBe(201);
    expect(JSON.parse(put.body.toString())).toMatchObject({ key: 'ä b/100% "+😀.png', sizeBytes: bytes.length });
    const thumbnail = await call(path, { query: { thumbnail: '64' } });
    expect(thumbnail.prelude?.headers['content-type']).toBe('image/webp');
    expect(await sharp(thumbnail.body).metadata()).toMatchObject({ format: 'webp', width: 64 });
    const refused = await call('/v1/search', { method: 'POST', body: { query: 5 } });
    expect(refused.prelude).toMatchObject({ statusCode: 400, headers: { 'content-type': /problem\+json/ } });
  }, 90_000);

  it('the API streams server-sent events as they happen: of a job, and of an answer', async () => {
    const { runtime } = await cloud.startFunction('api', 'aws');
    const state = createS3ObjectStore({ client: createS3Client(cloud.s3.settings), bucket: cloud.stateBucket });
    const jobs = createJobStore(state);
    const id = '01JD0000000000000000000000';
    const createdAt = new Date(0).toISOString();
    const job = { id, kind: 'classifier', request: {}, progress: 0, curve: [], createdAt, attempts: 0 };
    await jobs.create({ ...job, status: 'queued' });
    let seen = '';
    const told = (pattern: RegExp) => async () => expect(seen).toMatch(pattern);
    const following = runtime.invoke(apiEvent(`/v1/jobs/${id}/events`), {
      onChunk: (chunk) => {
        seen += chunk;
      },
    });
    await vi.waitFor(told(/event: job\n.*"status":"queued"/), { timeout: 30_000, interval: 20 });
    await jobs.update(id, (now) => ({ ...now, status: 'running', curve: [{ at: 1, values: { loss: 0.5 } }] }));
    await vi.waitFor(told(/event: point\n.*"loss":0.5[\s\S]*"status":"running"/), { timeout: 30_000, interval: 20 });
    await jobs.update(id, (now) => ({ ...now, status: 'succeeded', progress: 1 }));
    const { prelude, body } = await following;
    expect(prelude).toMatchObject({ statusCode: 200, headers: { 'content-type': 'text/event-stream' } });
    expect(body.toString().trimEnd().split('\n\n').at(-1)).toContain('"status":"succeeded"');

    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const asked = await runtime.invoke(
      apiEvent('/v1/answer', {
        method: 'POST',
        headers: { accept: 'text/event-stream' },
        body: { question: 'what colour is it?', image: { data: picture.toString('base64') }, choices: ['red', 'blue'] },
      }),
    );
    expect(asked.prelude?.headers['content-type']).toBe('text/event-stream');
    expect(asked.body.toString()).toMatch(/event: answer\ndata: .*"answer":"red"/);
  }, 120_000);

  it('the small lane answers which messages of a batch failed', async () => {
    const { runtime } = await cloud.startFunction('small-lane', 'aws');
    const event = (type: 'Object Created' | 'Object Deleted', key: string) =>
      JSON.stringify(s3Event(type, { bucket: cloud.mediaBucket, key, sequencer: '00C1' }));
    cloud.s3.fail({ method: 'HEAD', url: /unlucky/, effect: 503, times: 5 });
    const bodies = [event('Object Deleted', 'gone %20.png'), event('Object Created', 'unlucky.png'), '{}'];
    const answer = await runtime.invoke(sqsEvent(bodies));
    expect(JSON.parse(answer.body.toString())).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
  }, 90_000);

  it('the compactor runs, and an event that it does not know is an error', async () => {
    const { runtime } = await cloud.startFunction('compactor', 'aws');
    const answer = await runtime.invoke({ source: 'chiasm.schedule' });
    expect(Object.keys(JSON.parse(answer.body.toString()))).toEqual(['compacted']);
    await expect(runtime.invoke({ source: 'somebody else' })).rejects.toThrow(/the function failed/);
  }, 90_000);
});
