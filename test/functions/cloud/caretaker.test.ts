/** Lost events heal: what reached the bucket and not the queue is found, and what is gone from the bucket is forgotten. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { createS3Client } from '#shared/store/s3-client.ts';
import { apiEvent } from './api-event.ts';
import { startCloud } from './cloud-harness.ts';

it('queues what events have lost, and nothing when nothing is lost', { timeout: 240_000 }, async () => {
  const cloud = await startCloud({ variables: { CHIASM_RECONCILE_AT_MOST: '2' } });
  onTestFinished(() => cloud.close());
  cloud.startWorker();
  const [api, caretaker] = [await cloud.startFunction('api'), await cloud.startFunction('caretaker')];
  const client = createS3Client(cloud.s3.settings);
  const Bucket = cloud.mediaBucket;
  const put = async (Key: string, background: string) => {
    const shown = sharp({ create: { width: 32, height: 32, channels: 3, background } });
    await client.send(new PutObjectCommand({ Bucket, Key, Body: await shown.png().toBuffer() }));
  };
  const reconcile = async () =>
    JSON.parse((await caretaker.runtime.invoke({ source: 'chiasm.schedule' })).body.toString());
  const indexed = async (): Promise<string[]> => {
    const { body } = await api.runtime.invoke(apiEvent('/v1/items'));
    return JSON.parse(body.toString()).items.map((item: { key: string; etag: string }) => item.key);
  };
  const pending = async (): Promise<number> => {
    const { body } = await api.runtime.invoke(apiEvent('/v1/stats'));
    return JSON.parse(body.toString()).queue.pending;
  };
  const until = async (keys: readonly string[]) => {
    while (JSON.stringify(await indexed()) !== JSON.stringify(keys) || (await pending()) > 0) await sleep(100);
  };

  expect(await reconcile(), 'nothing was ever indexed').toEqual({ postponed: 0 });
  await put('kept.png', 'red');
  await put('to go.png', 'blue');
  await until(['kept.png', 'to go.png']);
  cloud.deliverEvents = false;
  await put('lost ü+.png', 'green');
  await put('kept.png', 'yellow');
  await client.send(new DeleteObjectCommand({ Bucket, Key: 'to go.png' }));

  expect(await reconcile()).toEqual({ put: 2, delete: 0, ended: 'limit' });
  await until(['kept.png', 'lost ü+.png', 'to go.png']);
  expect(await reconcile()).toEqual({ put: 0, delete: 1 });
  await until(['kept.png', 'lost ü+.png']);
  expect(await reconcile()).toEqual({ put: 0, delete: 0 });
  const measured = caretaker.logged.filter(({ event }) => event === 'reconcile.finished');
  expect(measured.map((line) => [line.LostChanges, line.ReconcileIncomplete])).toEqual([
    [2, 1],
    [1, 0],
    [0, 0],
  ]);
});
