/** What is said in sounds, over the cloud's own programs: found by words, asked with, and heard again when a function had no time. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it, onTestFinished } from 'vitest';
import { createS3Client } from '#shared/store/s3-client.ts';
import { s3Event } from '../../ingest/s3-event.ts';
import { makeWhisper } from '../../models/make-whisper.ts';
import { DEEP_HZ, MIDDLE_HZ, toneFile } from '../../speech/tones.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { type ApiEventOptions, apiEvent } from './api-event.ts';
import { startCloud } from './cloud-harness.ts';
import { sqsEvent } from './sqs-event.ts';

const STORING_MS = 20_000; // kept at the end of an invocation

it('is written down and asked with, once there is a speech model', { timeout: 300_000 }, async () => {
  const cloud = await startCloud();
  onTestFinished(() => cloud.close());
  const listening = { CHIASM_SPEECH: await makeWhisper(join(await temporaryFolder(), 'whisper'), { card: true }) };
  const client = createS3Client(cloud.s3.settings);
  const upload = (Key: string, Body: Uint8Array) =>
    client.send(new PutObjectCommand({ Bucket: cloud.mediaBucket, Key, Body }));
  const api = await cloud.startFunction('api', 'tiny', listening);
  const call = async (path: string, options?: ApiEventOptions) =>
    JSON.parse((await api.runtime.invoke(apiEvent(path, options))).body.toString());
  const transcriptOf = async (key: string) => (await call(`/v1/items/${key}`)).transcript;

  const deaf = cloud.startWorker();
  await upload('before.wav', toneFile([DEEP_HZ, 2], [0, 2], [MIDDLE_HZ, 2]));
  while ((await call('/v1/items/before.wav')).status !== 'indexed') await sleep(100);
  expect(await transcriptOf('before.wav')).toBeUndefined();
  await deaf.signal('SIGTERM');

  cloud.startWorker(listening);
  const caretaker = await cloud.startFunction('caretaker', 'tiny', listening);
  const caughtUp = await caretaker.runtime.invoke({ source: 'chiasm.deployed' });
  expect(JSON.parse(caughtUp.body.toString()), 'the sound from before').toEqual({ put: 1, delete: 0 });
  while ((await transcriptOf('before.wav')) === undefined) await sleep(100);
  expect(await transcriptOf('before.wav')).toEqual([
    { startSeconds: 0, endSeconds: 1, text: 'it is red' },
    { startSeconds: 4, endSeconds: 5, text: 'it is green' },
  ]);
  const { results } = await call('/v1/search', { method: 'POST', body: { query: 'green', mode: 'lexical' } });
  expect(results).toMatchObject([{ key: 'before.wav', part: { startSeconds: 4, endSeconds: 5 } }]);

  const data = Buffer.from(toneFile([DEEP_HZ, 1.5])).toString('base64');
  const spoken = { question: { audio: { data } }, scope: { filter: { modality: 'audio' } } };
  expect(await call('/v1/answer', { method: 'POST', body: spoken })).toMatchObject({ question: 'it is red' });
  expect((await call('/v1/models')).speech).toMatchObject({ name: 'tiny-whisper-1' });

  // what takes a function too long goes back to the queue, and nothing else with it
  cloud.deliverEvents = false;
  const lane = await cloud.startFunction('small-lane', 'tiny', listening);
  const index = async (keys: readonly string[], timeoutMs: number) => {
    const change = (key: string) => ({ bucket: cloud.mediaBucket, key, sequencer: '00A1' });
    const bodies = keys.map((key) => JSON.stringify(s3Event('Object Created', change(key))));
    const { body } = await lane.runtime.invoke(sqsEvent(bodies), { timeoutMs });
    return JSON.parse(body.toString()).batchItemFailures;
  };
  await upload('slow.wav', toneFile([MIDDLE_HZ, 2]));
  await upload('short.txt', Buffer.from('a few words'));
  cloud.s3.fail({ method: 'GET', url: /slow\.wav/, effect: 'hang' });
  expect(await index(['before.wav'], 120_000), 'the function is warm').toEqual([]);
  expect(await index(['slow.wav', 'short.txt'], STORING_MS + 8_000)).toEqual([{ itemIdentifier: 'message-0' }]);
  expect((await call('/v1/items/short.txt')).status).toBe('indexed');
  expect(await index(['slow.wav'], 120_000)).toEqual([]);
  const heard = () => transcriptOf('slow.wav'); // the API follows the index at its own pace
  await expect.poll(heard, { timeout: 20_000 }).toMatchObject([{ text: 'it is green' }]);
});
