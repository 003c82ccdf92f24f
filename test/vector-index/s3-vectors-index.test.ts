/** The index port over HTTP against a server with the protocol and the limits of Amazon S3 Vectors. */

import { S3VectorsClient } from '@aws-sdk/client-s3vectors';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Filter } from '#shared/catalog/filter.ts';
import { silentLog } from '#shared/core/log.ts';
import { createS3Vectors } from '#shared/vector-index/s3-vectors.ts';
import { filterableMetadata, translateFilter } from '#shared/vector-index/s3-vectors-filter.ts';
import { createS3VectorsIndex, openS3VectorsIndex } from '#shared/vector-index/s3-vectors-index.ts';
import { createHarness } from './index-harness.ts';
import { type S3VectorsServer, startS3VectorsServer } from './s3-vectors-server.ts';
import { clusteredVectors, put, remove, sampleItem } from './sample-changes.ts';
import { vectorIndexContract } from './vector-index-contract.ts';

let server: S3VectorsServer;
let client: S3VectorsClient;
let made = 0;

beforeAll(async () => {
  server = await startS3VectorsServer();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  client = new S3VectorsClient({ endpoint: server.endpoint, region: 'us-east-1', credentials });
});

afterAll(() => {
  client.destroy();
  server.close();
});

async function setUp(dimensions: number) {
  const name = `index-${made++}`;
  const vectors = createS3Vectors(client, { bucket: 'bucket', index: name });
  await vectors.create(dimensions);
  const harness = await createHarness(dimensions);
  const index = createS3VectorsIndex(await harness.open(), vectors, dimensions);
  return { name, harness, vectors, index };
}

describe('the index over S3 Vectors', () => {
  vectorIndexContract(async () => {
    const harness = await createHarness(4);
    const space = { id: `Space ${made++}`, dimensions: 4 };
    const index = await openS3VectorsIndex({ ...harness, space, log: silentLog }, { client, bucket: 'contract' });
    onTestFinished(() => index.close());
    return index;
  });

  const D = 8;
  const rows = clusteredVectors(4, 520, D, 9);
  const change = (i: number, sequencer = '1') =>
    put({ key: `folder ${i % 3}/k${i}`, sequencer, attributes: { n: i, even: i % 2 === 0 } }, rows[i]!);

  it('writes in batches, finds through filters what brute force finds, and can be opened again after a compaction', async () => {
    const { harness, vectors, index } = await setUp(D);
    const from = server.requests.length;
    await index.apply(rows.map((_, i) => change(i)));
    const puts = server.requests.slice(from).filter(({ operation }) => operation === 'PutVectors');
    expect(puts.map(({ size }) => size)).toEqual([500, 20]);
    await harness.compact();
    const again = createS3VectorsIndex(await harness.open(), vectors, D);
    const compare = (field: string, comparison: object) => ({ kind: 'compare', field, comparison }) as Filter;
    const filters: [Filter | undefined, (i: number) => boolean][] = [
      [undefined, () => true],
      [compare('even', { operator: 'equals', value: true }), (i) => i % 2 === 0],
      [compare('n', { operator: 'gte', value: 500 }), (i) => i >= 500],
      [compare('key', { operator: 'prefix', value: 'folder 1/' }), (i) => i % 3 === 1],
      [{ kind: 'not', filter: compare('n', { operator: 'lt', value: 400 }) }, (i) => i >= 400],
      [compare('missing', { operator: 'equals', value: null }), () => true],
    ];
    for (const [filter, keeps] of filters) {
      for (const exact of [false, true]) {
        const query = { vector: rows[5]!, limit: 20, exact, ...(filter === undefined ? {} : { filter }) };
        const { hits } = await again.searchVectors(query);
        const expected = rows
          .flatMap((row, i) => (keeps(i) ? [{ i, score: row.reduce((sum, x, d) => sum + x * rows[5]![d]!, 0) }] : []))
          .sort((a, b) => b.score - a.score)
          .slice(0, 20);
        expect(hits.map(({ item }) => item.attributes.n)).toEqual(expected.map(({ i }) => i));
      }
    }
    expect(await again.sampleVectors(5)).toHaveLength(5);
  });

  it('removes the vectors of what was replaced or deleted, and an orphan at the next look', async () => {
    const { name, vectors, index } = await setUp(D);
    const own = () => server.keys('bucket', name);
    await index.apply([change(0), change(1), change(2)]);
    const first = own();
    await index.apply([change(0, '2'), remove('folder 1/k1', '2'), change(2, '0')]); // the last one came too late
    expect(own()).toHaveLength(2);
    expect(own().filter((key) => first.includes(key))).toHaveLength(1);
    await vectors.put([{ key: 'lost', vector: rows[3]!, metadata: { item: '["folder 0/k0","1",0]' } }]);
    const { hits } = await index.searchVectors({ vector: rows[3]!, limit: 9 });
    expect(hits.map(({ item }) => item.key).sort()).toEqual(['folder 0/k0', 'folder 2/k2']);
    expect(await index.removeOrphans()).toBe(1);
    expect(own()).toHaveLength(2);
  });

  it('stores nothing when the service does not take the vectors, and waits out its throttling', async () => {
    const { index } = await setUp(D);
    server.fail('PutVectors', 429, 2);
    await index.apply([change(0)]);
    server.fail('PutVectors', 503, 10);
    await expect(index.apply([change(1)])).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    server.fail('PutVectors', 503, 0);
    expect(await index.item('folder 1/k1')).toBeUndefined();
  });
});

describe('a filter in the language of S3 Vectors', () => {
  const compare = (field: string, comparison: object) => ({ kind: 'compare', field, comparison }) as Filter;
  const a = compare('a', { operator: 'equals', value: 1 });
  const prefix = compare('a', { operator: 'prefix', value: 'x' });
  it.each<[string, Filter, object | undefined]>([
    ['equality', a, { a_a: { $eq: 1 } }],
    ['order of numbers', compare('sizeBytes', { operator: 'gt', value: 5 }), { sizeBytes: { $gt: 5 } }],
    ['what it can of a conjunction', { kind: 'and', filters: [a, prefix] }, { a_a: { $eq: 1 } }],
    ['no part of a disjunction alone', { kind: 'or', filters: [a, prefix] }, undefined],
    ['no negation', { kind: 'not', filter: a }, undefined],
    ['no order of texts', compare('indexedAt', { operator: 'gt', value: '2026' }), undefined],
  ])('has %s', (_, filter, expected) => {
    expect(translateFilter(filter)).toEqual(expected && { $or: [expected, { partial: { $eq: true } }] });
  });

  it('lets items through whose attributes are more than the service filters by', () => {
    const item = sampleItem({ key: 'k', attributes: { long: 'x'.repeat(3000) } });
    expect(filterableMetadata(item)).toEqual({
      modality: 'image',
      contentType: 'image/jpeg',
      sizeBytes: 1000,
      partial: true,
    });
  });
});
