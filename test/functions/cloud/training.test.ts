/** A classifier over the cloud's own programs: asked for through the API, trained by a task of its own, killed in the middle. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createS3Client } from '#shared/store/s3-client.ts';
import { type ApiEventOptions, apiEvent } from './api-event.ts';
import { type Cloud, type CloudFunction, startCloud } from './cloud-harness.ts';
import { type EcsServer, startEcsServer } from './ecs-server.ts';

let cloud: Cloud;
let ecs: EcsServer;
let api: CloudFunction;

beforeAll(async () => {
  ecs = await startEcsServer((variables) => cloud.startWorker(variables, 'trainer.mjs'));
  cloud = await startCloud({ variables: ecs.variables });
  api = await cloud.startFunction('api');
}, 120_000);
afterAll(async () => {
  await cloud?.close();
  ecs?.close();
});

const picture = (background: string) =>
  sharp({ create: { width: 32, height: 32, channels: 3, background } })
    .png()
    .toBuffer();

async function call(path: string, options?: ApiEventOptions) {
  const { prelude, body } = await api.runtime.invoke(apiEvent(path, options));
  return { status: prelude!.statusCode, json: JSON.parse(body.toString()) };
}

/** The events of a job until it has ended, as a client gets them that comes back for more when a stream ends. */
async function follow({ runtime }: CloudFunction, id: string): Promise<string> {
  let lines = '';
  do {
    const headers = {
      'last-event-id':
        lines
          .match(/^id: \d+$/gm)
          ?.at(-1)
          ?.slice('id: '.length) ?? '0',
    };
    const { prelude, body } = await runtime.invoke(apiEvent(`/v1/jobs/${id}/events`, { headers }), {
      timeoutMs: 240_000,
    });
    expect(prelude?.headers['content-type']).toContain('text/event-stream');
    lines += body.toString();
  } while (!/"status":"(succeeded|failed|cancelled)"/.test(lines));
  return lines;
}

async function uploadColours(): Promise<void> {
  const client = createS3Client(cloud.s3.settings);
  const put = (Key: string, Body: Uint8Array) =>
    client.send(new PutObjectCommand({ Bucket: cloud.mediaBucket, Key, Body }));
  const rows: object[] = [];
  for (let i = 0; i < 30; i++) {
    const shade = 140 + ((i * 37) % 110);
    const key = `colours/${i} ü+.png`;
    await put(key, await picture(i % 2 === 0 ? `rgb(${shade},10,10)` : `rgb(10,10,${shade})`));
    rows.push({ inputs: { image: key }, labels: { colour: i % 2 === 0 ? 'red' : 'blue' } });
  }
  await put('colours.jsonl', Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')));
}

it('trains a classifier in a task that is killed and started again, follows it, and classifies what it has not seen', async () => {
  await uploadColours();
  const recipe = { hiddenUnits: 64, learningRate: 0.01, epochs: 500, patience: 500, folds: 3, seed: 1 };
  const asked = await call('/v1/classifiers', {
    method: 'POST',
    body: { name: 'colours', dataset: 'colours.jsonl', recipe },
  });
  expect(asked.status, JSON.stringify(asked.json)).toBe(202);
  const { id } = asked.json.job;
  const follower = await cloud.startFunction('api');
  const following = follow(follower, id);
  expect(ecs.tasks.map(({ startedBy }) => startedBy)).toEqual([id]);

  // a checkpoint is there when the first of the folds is done
  const checkpoints = () => cloud.s3.requests.filter((line) => /^PUT .*jobs\/checkpoint/.test(line)).length;
  while (checkpoints() === 0) await sleep(5);
  await ecs.tasks[0]!.program.signal('SIGKILL');
  const left = (await call(`/v1/jobs/${id}`)).json;
  expect(left.status).toBe('running');
  const lastAt = left.curve.at(-1)?.at ?? 0;

  const caretaker = await cloud.startFunction('caretaker');
  const stopped = await ecs.stoppedEvent(ecs.tasks[0]!);
  for (const delivery of ['first', 'second']) {
    const { body } = await caretaker.runtime.invoke(stopped);
    expect(JSON.parse(body.toString()).status, delivery).toMatch(/queued|running/);
    if (delivery === 'first') expect(ecs.tasks).toHaveLength(2);
  }
  expect(ecs.tasks, 'an event that comes twice starts one task').toHaveLength(2);
  expect(await ecs.tasks[1]!.program.ended, ecs.tasks[1]!.program.output()).toBe(0);

  const { json: job } = await call(`/v1/jobs/${id}`);
  expect(job, JSON.stringify(job.failure)).toMatchObject({ status: 'succeeded', progress: 1, metrics: { version: 1 } });
  const resumed = job.curve.filter(({ at }: { at: number }) => at > lastAt);
  expect(resumed.length).toBeGreaterThan(0);
  expect(Math.min(...resumed.map(({ values }: any) => values.fold))).toBeGreaterThanOrEqual(1);

  const lines = await following;
  expect(lines).toContain('event: point');
  expect(lines.trimEnd().split('\n\n').at(-1)).toMatch(/"status":"succeeded"/);
  const after = await caretaker.runtime.invoke(await ecs.stoppedEvent(ecs.tasks[1]!));
  expect(JSON.parse(after.body.toString())).toEqual({ status: 'succeeded' });
  expect(ecs.tasks).toHaveLength(2);

  const unseen = (await picture('rgb(231,4,17)')).toString('base64');
  const { json: answer } = await call('/v1/classify', {
    method: 'POST',
    body: { input: { image: { data: unseen } }, classifier: 'colours' },
  });
  expect(answer.model).toBe('colours@1');
  expect(answer.labels[0]).toMatchObject({ name: 'red' });
  expect(answer.labels[0].probability).toBeGreaterThan(0.7);
}, 240_000);
