/** The cloud's programs with their vectors in Amazon S3 Vectors, by one setting. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { createS3Client } from '#shared/store/s3-client.ts';
import { startS3VectorsServer } from '../../vector-index/s3-vectors-server.ts';
import { apiEvent } from './api-event.ts';
import { startCloud } from './cloud-harness.ts';

it('an upload is found and a delete is forgotten with the vectors in a vector bucket', {
  timeout: 120_000,
}, async () => {
  const vectors = await startS3VectorsServer();
  onTestFinished(() => vectors.close());
  const cloud = await startCloud({
    variables: {
      AWS_ENDPOINT_URL_S3VECTORS: vectors.endpoint,
      CHIASM_VECTOR_INDEX: 's3-vectors',
      CHIASM_VECTOR_BUCKET: 'vectors',
    },
  });
  onTestFinished(() => cloud.close());
  cloud.startWorker();
  const api = await cloud.startFunction('api');
  const search = async (): Promise<string[]> => {
    const { body } = await api.runtime.invoke(apiEvent('/v1/search', { query: { q: 'red', mode: 'vector' } }));
    return JSON.parse(body.toString()).results.map((result: { key: string }) => result.key);
  };
  const operations = () => new Set(vectors.requests.map(({ operation }) => operation));

  const picture = await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const client = createS3Client(cloud.s3.settings);
  await client.send(new PutObjectCommand({ Bucket: cloud.mediaBucket, Key: 'a.png', Body: picture }));
  while (!(await search()).includes('a.png')) await sleep(100);
  expect(operations()).toContain('PutVectors');

  await api.runtime.invoke(apiEvent('/v1/objects/a.png', { method: 'DELETE' }));
  expect(await search()).toEqual([]);
  expect(operations()).toContain('DeleteVectors');
});
