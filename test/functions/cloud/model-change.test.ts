/** Another model over the cloud's own programs: estimated, built beside the one that answers, killed, caught up, switched to, erased from. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { createS3Client } from '#shared/store/s3-client.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { type ApiEventOptions, apiEvent } from './api-event.ts';
import { type CloudFunction, startCloud } from './cloud-harness.ts';

const PRICES = { instanceHour: 1, thousandReads: 1, thousandWrites: 1, gigabyteMonth: 1 };
const ITEMS = 60;

async function call(api: CloudFunction, path: string, options?: ApiEventOptions): Promise<any> {
  const { body } = await api.runtime.invoke(apiEvent(path, options));
  return JSON.parse(body.toString());
}

it('builds the space of another model beside the one that answers, which then takes over', {
  timeout: 240_000,
}, async () => {
  const cloud = await startCloud();
  onTestFinished(() => cloud.close());
  const client = createS3Client(cloud.s3.settings);
  const state = createS3ObjectStore({ client, bucket: cloud.stateBucket });
  const next = await makeModelFolder(await temporaryFolder(), { seed: 2 });
  const nextSpace = (await openModelFolder(next)).spaceId;
  const keyOf = (i: number) => `pictures/${i} ü+.png`;
  const upload = async (i: number) => {
    const background = `rgb(${4 * i}, ${(i * 37) % 256}, ${(i * 91) % 256})`;
    const shown = sharp({ create: { width: 32, height: 32, channels: 3, background } });
    const Body = await shown.png().toBuffer();
    await client.send(new PutObjectCommand({ Bucket: cloud.mediaBucket, Key: keyOf(i), Body }));
  };
  for (let i = 0; i < ITEMS; i++) await upload(i);
  const before = cloud.startWorker();
  const api = await cloud.startFunction('api');
  while ((await call(api, '/v1/stats')).items.indexed < ITEMS) await sleep(100);

  const builder = (variables: Record<string, string> = {}) =>
    cloud.startWorker({ CHIASM_MODEL_FOLDER: next, ...variables }, 'builder.mjs');
  const report = async () => JSON.parse(Buffer.from((await state.get('builds/report.json'))!.bytes).toString());
  const filesOf = async (space: string) => {
    const Prefix = `spaces/${space}/`;
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: cloud.stateBucket, Prefix }));
    return Contents.map(({ Key }) => Key!);
  };

  const estimating = builder({ CHIASM_BUILD_MODE: 'estimate', CHIASM_BUILD_PRICES: JSON.stringify(PRICES) });
  expect(await estimating.ended, estimating.output()).toBe(0);
  const estimate = await report();
  expect(estimate).toMatchObject({ status: 'estimated', space: nextSpace, items: ITEMS, reads: ITEMS });
  expect(estimate.instanceHours).toBeGreaterThan(0);
  expect(estimate.usd.once).toBeCloseTo(estimate.instanceHours + ITEMS / 1000 + estimate.writes / 1000, 6);
  expect(await filesOf(nextSpace), 'nothing of an estimate is stored').toEqual([]);

  const killed = builder();
  while ((await filesOf(nextSpace)).length === 0) await sleep(5);
  await killed.signal('SIGKILL');
  const resumed = builder();
  expect(await resumed.ended, resumed.output()).toBe(0);
  expect(await report()).toMatchObject({ status: 'built', former: estimate.former, indexed: ITEMS, before: ITEMS });

  // what comes and goes between the build and the deployment of the new model reaches the former space only
  await upload(ITEMS);
  await client.send(new DeleteObjectCommand({ Bucket: cloud.mediaBucket, Key: keyOf(3) }));
  const statusOf = async (of: CloudFunction, key: string) =>
    (await call(of, `/v1/items/${encodeURIComponent(key)}`)).status;
  while ((await statusOf(api, keyOf(ITEMS))) !== 'indexed' || (await statusOf(api, keyOf(3))) !== 404) await sleep(100);
  const withNext = { CHIASM_MODEL_FOLDER: next };
  const switched = await cloud.startFunction('api', 'tiny', withNext);
  expect(await statusOf(switched, keyOf(ITEMS))).toBe('pending');
  expect(await before.signal('SIGTERM')).toBe(0);
  cloud.startWorker(withNext);
  const caretaker = await cloud.startFunction('caretaker', 'tiny', withNext);
  const caughtUp = await caretaker.runtime.invoke({ source: 'chiasm.deployed' });
  expect(JSON.parse(caughtUp.body.toString())).toEqual({ put: 1, delete: 1 });
  while ((await statusOf(switched, keyOf(ITEMS))) !== 'indexed' || (await statusOf(switched, keyOf(3))) !== 404)
    await sleep(100);
  expect((await call(switched, '/v1/stats')).items.indexed).toBe(ITEMS);
  for (const each of [api, switched]) {
    for (const key of [keyOf(7), keyOf(ITEMS)]) {
      const query = { method: 'POST', body: { query: [{ item: key }], limit: 1 } } as const;
      expect((await call(each, '/v1/search', query)).results[0].key).toBe(key);
    }
  }

  const path = `/v1/objects/${encodeURIComponent(keyOf(7))}`;
  const receipt = await call(switched, path, { method: 'DELETE', query: { erase: 'true' } });
  const spaces = new Set(receipt.files.map(({ key }: { key: string }) => key.split('/')[1]));
  expect(spaces, 'both spaces were rewritten').toEqual(new Set([nextSpace, estimate.former]));
});
