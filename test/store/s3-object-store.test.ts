import { readdir, readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Client, type S3Settings } from '#shared/store/s3-client.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { createS3UploadSigner } from '#shared/store/s3-upload-signer.ts';
import { bytes, collect, describeObjectStore, text, written } from './object-store-contract.ts';
import { type S3TestServer, startS3Server } from './s3-server.ts';
import { temporaryFolder } from './temporary-folder.ts';

let server: S3TestServer;

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server.close());

describeObjectStore('S3ObjectStore', { create: async () => (await emptyBucket()).store, propertyRuns: 20 });

describe('S3ObjectStore when S3 fails', () => {
  it('repeats what S3 answers with 503 or 500', async () => {
    const { store } = await emptyBucket();
    server.fail({ method: 'PUT', effect: 503, times: 2 });
    written(await store.put('k', bytes('x'), { ifAbsent: true }));
    server.fail({ method: 'GET', effect: 500 });
    expect(text(await store.get('k'))).toBe('x');
  });

  it('gives up after its attempts with a fault that may be tried again', async () => {
    const { store } = await emptyBucket({ maxAttempts: 2 });
    server.fail({ method: 'GET', effect: 503, times: 2 });
    const failed = store.get('k');
    await expect(failed).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    await expect(failed).rejects.toThrow(/read "k" in the bucket bucket-\d+: SlowDown/);
  });

  it('says so when nobody answers', async () => {
    const settings = { ...server.settings, endpoint: 'http://127.0.0.1:9', maxAttempts: 1 };
    const store = createS3ObjectStore({ client: createS3Client(settings), bucket: 'b' });
    await expect(store.get('k')).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  });

  it('tells a missing bucket from a missing object', async () => {
    const store = createS3ObjectStore({ client: createS3Client(server.settings), bucket: 'no-such-bucket' });
    await expect(store.get('k')).rejects.toMatchObject({ code: 'storage_unavailable', retryable: false });
    await expect(collect(store.list())).rejects.toThrow(/bucket was not found/);
  });

  it('says so when access is denied', async () => {
    const settings = { ...server.settings, credentials: { accessKeyId: 'test', secretAccessKey: 'wrong' } };
    const store = createS3ObjectStore({ client: createS3Client(settings), bucket: server.createBucket() });
    const failed = store.put('k', bytes('x'));
    await expect(failed).rejects.toMatchObject({ code: 'storage_unavailable', retryable: false });
    await expect(failed).rejects.toThrow(/access was denied/);
  });

  it('gives up a request that is never answered', async () => {
    const { store } = await emptyBucket({ maxAttempts: 1, requestTimeoutMs: 200 });
    server.fail({ method: 'GET', effect: 'hang' });
    await expect(store.get('k')).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  });

  it('reads a body again that breaks off in the middle', async () => {
    const { store } = await emptyBucket();
    await store.put('k', Buffer.alloc(100_000, 'body'));
    server.fail({ method: 'GET', effect: 'truncate', times: 2 });
    expect(Buffer.from((await store.get('k'))!.bytes).equals(Buffer.alloc(100_000, 'body'))).toBe(true);
  });

  it('never ends a stream early as if it were whole', async () => {
    const { store } = await emptyBucket();
    await store.put('k', Buffer.alloc(100_000, 'body'));
    server.fail({ method: 'GET', effect: 'truncate' });
    const streamed = await store.stream('k');
    await expect(buffer(streamed!.body)).rejects.toThrow();
  });
});

describe('S3ObjectStore under conditions', () => {
  it('recognises its own write when the answer was lost', async () => {
    const { store } = await emptyBucket();
    server.fail({ method: 'PUT', effect: 'drop-after' });
    const created = written(await store.put('k', bytes('mine'), { ifAbsent: true }));
    expect(created.etag).toBe((await store.head('k'))!.etag);
    server.fail({ method: 'PUT', effect: 'drop-after' });
    const changed = written(await store.put('k', bytes('mine too'), { ifMatch: created.etag }));
    expect(changed.etag).toBe((await store.head('k'))!.etag);
    expect((await store.head('k'))!.metadata).toBeUndefined();
  });

  it('recognises its own large upload when the answer was lost', async () => {
    const { store } = await emptyBucket();
    for (const options of [{ ifAbsent: true }, {}]) {
      const body = Readable.from([Buffer.alloc(9_000_000)]);
      server.fail({ method: 'POST', url: /uploadId=/, effect: 'drop-after' });
      written(await store.put(`large-${Object.keys(options)}`, body, options));
    }
  });

  it('does not take the write of another for its own', async () => {
    const { store } = await emptyBucket();
    await store.put('k', bytes('theirs'), { ifAbsent: true });
    server.fail({ method: 'PUT', effect: 'drop-before' });
    expect(await store.put('k', bytes('theirs'), { ifAbsent: true })).toEqual({ written: false });
  });

  it('repeats a write that meets another one under way (409)', async () => {
    const { store } = await emptyBucket();
    server.fail({ method: 'PUT', effect: 409, times: 2 });
    written(await store.put('k', bytes('x'), { ifAbsent: true }));
  });

  it('reports a conflict that may be tried again when the others do not end', async () => {
    const { store } = await emptyBucket();
    server.fail({ method: 'PUT', effect: 409, times: 5 });
    const failed = store.put('k', bytes('x'), { ifAbsent: true });
    await expect(failed).rejects.toMatchObject({ code: 'conflict', retryable: true });
    expect(await store.head('k')).toBeUndefined();
  });

  it('leaves no parts behind when a large upload loses', async () => {
    const { store } = await emptyBucket();
    await store.put('k', bytes('x'));
    const lost = await store.put('k', Readable.from([Buffer.alloc(9_000_000)]), { ifAbsent: true });
    expect(lost).toEqual({ written: false });
    expect(server.openUploads).toBe(0);
  });
});

describe('S3ObjectStore copies', () => {
  it('downloads in parallel ranges and keeps the copy until the object changes', async () => {
    const { store } = await emptyBucket();
    const folder = await temporaryFolder();
    const content = Buffer.from(Uint8Array.from({ length: 20_000_003 }, (_, i) => (i * 7919) >> 8));
    await store.put('graph.bin', Readable.from([content]));
    server.fail({ method: 'GET', effect: 503 });
    server.fail({ method: 'GET', effect: 'truncate' });
    const path = (await store.localPath('graph.bin', folder))!;
    expect((await readFile(path)).equals(content)).toBe(true);
    const { mtimeMs } = await stat(path);
    const before = server.requests.length;
    expect(await store.localPath('graph.bin', folder)).toBe(path);
    expect(server.requests.slice(before).filter((line) => line.startsWith('GET'))).toEqual([]);
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
    await store.put('graph.bin', bytes('new'));
    const next = (await store.localPath('graph.bin', folder))!;
    expect(next).not.toBe(path);
    expect(await readFile(next, 'utf8')).toBe('new');
  });

  it('leaves nothing behind when a download fails', async () => {
    const { store } = await emptyBucket({ maxAttempts: 1 });
    const folder = await temporaryFolder();
    await store.put('k', bytes('content'));
    server.fail({ method: 'GET', effect: 503 });
    await expect(store.localPath('k', folder)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('lists foreign keys that are none for Chiasm to the caller, and goes on', async () => {
    const skipped: string[] = [];
    const { client, bucket, store } = await emptyBucket({}, (key) => skipped.push(key));
    const { PutObjectCommand } = await import('@aws-sdk/client-s3');
    for (const Key of ['folder/', 'folder//x'])
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '' }));
    await store.put('folder/real', bytes('x'));
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['folder/real']);
    expect(skipped).toEqual(['folder/', 'folder//x']);
  });
});

describe('S3UploadSigner', () => {
  it('lets its holder upload exactly what was signed, with its metadata', async () => {
    const { store, bucket } = await emptyBucket();
    const signer = createS3UploadSigner({ ...server.settings, bucket });
    const metadata = { attributes: '{"city":"Zürich 😀"}' };
    const key = 'uploads/my photo 100%.jpg';
    const options = { contentType: 'image/jpeg', sizeBytes: 5, metadata, expiresInSeconds: 60 };
    const { url, headers, expiresAt } = await signer.presignPut(key, options);
    expect((await fetch(url, { method: 'PUT', headers, body: 'hello' })).status).toBe(200);
    expect(await store.get(key)).toMatchObject({ sizeBytes: 5, contentType: 'image/jpeg', metadata });
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now());
    expect(url).not.toMatch(/checksum/i);
  });

  it('refuses another type, size, metadata or key', async () => {
    const { store, bucket } = await emptyBucket();
    const signer = createS3UploadSigner({ ...server.settings, bucket });
    const options = { contentType: 'image/jpeg', sizeBytes: 5, metadata: { a: '1' }, expiresInSeconds: 60 };
    const { url, headers } = await signer.presignPut('k', options);
    const attempts: [string, Record<string, string>, string][] = [
      [url, { ...headers, 'content-type': 'text/html' }, 'hello'],
      [url, headers, 'hello and more'],
      [url, { ...headers, 'x-amz-meta-a': '2' }, 'hello'],
      [url.replace(/\/k\?/, '/other?'), headers, 'hello'],
    ];
    for (const [address, sent, body] of attempts) {
      expect((await fetch(address, { method: 'PUT', headers: sent, body })).status).toBe(403);
    }
    expect(await collect(store.list())).toEqual([]);
  });

  it('lets its holder download until it expires', async () => {
    const { store, bucket } = await emptyBucket();
    await store.put('a b/ü.txt', bytes('hello'));
    const signer = createS3UploadSigner({ ...server.settings, bucket });
    const { url } = await signer.presignGet('a b/ü.txt', { expiresInSeconds: 60 });
    expect(await (await fetch(url)).text()).toBe('hello');
    const yesterday = { now: () => Date.now() - 24 * 3600 * 1000 };
    const late = createS3UploadSigner({ ...server.settings, bucket }, { clock: yesterday });
    const expired = await late.presignGet('a b/ü.txt', { expiresInSeconds: 60 });
    expect((await fetch(expired.url)).status).toBe(403);
  });

  it.each([0, -1, 1.5, 700_000, Number.NaN])('refuses an expiry of %d seconds', async (expiresInSeconds) => {
    const signer = createS3UploadSigner({ ...server.settings, bucket: 'b' });
    await expect(signer.presignGet('k', { expiresInSeconds })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

async function emptyBucket(settings: S3Settings = {}, onSkipped: (key: string) => void = () => {}) {
  const bucket = server.createBucket();
  const client = createS3Client({ ...server.settings, ...settings });
  return { bucket, client, store: createS3ObjectStore({ client, bucket }, { onSkipped }) };
}
