import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DownloadOptions, type DownloadRequest, downloadFile } from '#shared/models/pull/download-file.ts';
import { requestFile } from '#shared/models/pull/request-file.ts';
import { createRandom } from '../tiny-meaning.ts';
import { dropAfter as dropOnceArrived, etagOf, type FileServer, serve, startFileServer } from './file-server.ts';

const random = createRandom(1);
const CONTENT = Uint8Array.from({ length: 200_000 }, () => random() * 256);
const OTHER = CONTENT.map((byte) => byte ^ 1);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const QUICK: DownloadOptions = { retryMs: 1, stallMs: 1_000, maxFailures: 3 };

let server: FileServer;
let folder = '';
beforeEach(async () => {
  server = await startFileServer([['model.onnx', CONTENT]]);
  folder = await mkdtemp(join(tmpdir(), 'chiasm-download-'));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const request = (change: Partial<DownloadRequest> = {}): DownloadRequest => ({
  url: `${server.url}/model.onnx`,
  target: join(folder, 'onnx', 'model.onnx'),
  sizeBytes: CONTENT.length,
  sha256: sha256(CONTENT),
  ...change,
});
const UNKNOWN = { sizeBytes: undefined, sha256: undefined };
const download = (change?: Partial<DownloadRequest>, options?: DownloadOptions) =>
  downloadFile(request(change), { ...QUICK, ...options });
const dropAfter = (share: number) => dropOnceArrived(share, join(folder, 'onnx', 'model.onnx.part'));
const arrived = async () => new Uint8Array(await readFile(join(folder, 'onnx', 'model.onnx')));

describe('a file', () => {
  it('arrives whole, and nothing else is left beside it', async () => {
    const shares: number[] = [];
    const result = await download({}, { onProgress: (bytes, total) => shares.push(bytes / (total ?? Infinity)) });
    expect(result).toEqual({ sizeBytes: CONTENT.length, sha256: sha256(CONTENT) });
    expect(await arrived()).toEqual(CONTENT);
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model.onnx']);
    expect(shares.at(-1)).toBe(1);
  });

  it('that is here and right is not fetched again, one that is wrong is', async () => {
    await download();
    await download();
    expect(server.log).toHaveLength(1);
    await writeFile(join(folder, 'onnx', 'model.onnx'), OTHER);
    await download();
    expect(await arrived()).toEqual(CONTENT);
  });

  it.each([
    ['known', {}],
    ['unknown', UNKNOWN],
  ])('of %s digest goes on where the connection broke', async (_title, known) => {
    server.next.push(dropAfter(0.5), dropAfter(0.5));
    await download(known);
    expect(await arrived()).toEqual(CONTENT);
    expect(server.log).toEqual(['model.onnx', 'model.onnx bytes=100000-', 'model.onnx bytes=150000-']);
  });

  it('goes on in a later run', async () => {
    server.next.push(...Array.from({ length: 3 }, () => dropAfter(0)));
    server.next.unshift(dropAfter(0.5));
    await expect(download()).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    await expect(stat(join(folder, 'onnx', 'model.onnx'))).rejects.toThrow();
    await download();
    expect(await arrived()).toEqual(CONTENT);
    expect(server.log.at(-1)).toBe('model.onnx bytes=100000-');
  });

  it('starts anew when the server has another version by then', async () => {
    server.next.push(dropAfter(0.5));
    server.next.push((_request, response) => response.destroy());
    server.files.set('model.onnx', CONTENT);
    setTimeout(() => server.files.set('model.onnx', OTHER), 30);
    await download(UNKNOWN, { retryMs: 40 });
    expect(await arrived()).toEqual(OTHER);
  });

  it('that comes from another place does not go on with the part from the first', async () => {
    server.next.push(dropAfter(0.5), ...Array.from({ length: 3 }, () => dropAfter(0)));
    await expect(download()).rejects.toThrow();
    server.files.set('elsewhere', OTHER);
    await download({ url: `${server.url}/elsewhere`, ...UNKNOWN });
    expect(await arrived()).toEqual(OTHER);
  });
});

describe('a server', () => {
  it('that stalls is given up and asked again', async () => {
    server.next.push((_request, response, bytes) => {
      response.writeHead(200, { etag: etagOf(bytes), 'content-length': bytes.length });
      response.write(bytes.subarray(0, 50_000));
    });
    await download();
    expect(server.log.at(-1)).toBe('model.onnx bytes=50000-');
    expect(await arrived()).toEqual(CONTENT);
  });

  it('that never sends a byte ends with the reason', async () => {
    server.next.push(...Array.from({ length: 3 }, () => () => {}));
    await expect(download({}, { stallMs: 50 })).rejects.toThrow(/no byte came for 0.05 seconds, 3 times/);
  });

  it.each([
    ['declares too little', 1000],
    ['declares too much', 300_000],
  ])('that %s is found out', async (_title, length) => {
    server.next.push((_request, response, bytes) => {
      response.writeHead(200, { etag: etagOf(bytes), 'content-length': length });
      response.end(bytes.subarray(0, length));
    });
    await download();
    expect(await arrived()).toEqual(CONTENT);
  });

  it('that sends more than the file is stopped', async () => {
    const endless: FileServer['next'][number] = (_request, response) => {
      response.writeHead(200, {});
      const more = () => response.writable && response.write(new Uint8Array(50_000), () => setImmediate(more));
      more();
    };
    server.next.push(endless, endless, endless);
    await expect(download()).rejects.toThrow(/more than the 200000 bytes/);
    server.next.push(endless, endless, endless);
    await expect(download(UNKNOWN, { maxBytes: 500_000 })).rejects.toThrow(/more than the 500000 bytes/);
    expect(await readdir(join(folder, 'onnx'))).toEqual([]);
  });

  it('that ignores ranges sends the whole file again, and it is not appended', async () => {
    server.next.push(dropAfter(0.5), (_request, response, bytes) => {
      response.writeHead(200, { etag: etagOf(bytes), 'content-length': bytes.length }).end(bytes);
    });
    await download(UNKNOWN);
    expect(await arrived()).toEqual(CONTENT);
  });

  it('that sends another range than it was asked for is not believed', async () => {
    server.next.push(dropAfter(0.5), (_request, response, bytes) => {
      const range = `bytes 10-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { etag: etagOf(bytes), 'content-range': range }).end(bytes.subarray(10));
    });
    await download(UNKNOWN);
    expect(await arrived()).toEqual(CONTENT);
  });

  it('that serves wrong bytes once is asked again; twice is one file too many', async () => {
    const wrong: FileServer['next'][number] = (incoming, response) => serve(incoming, response, OTHER);
    server.next.push(wrong);
    await download();
    expect(await arrived()).toEqual(CONTENT);
    await rm(join(folder, 'onnx'), { recursive: true });
    server.next.push(wrong, wrong);
    await expect(download()).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining(`expected SHA-256 ${sha256(CONTENT)}, got ${sha256(OTHER)}`),
    });
    expect(await readdir(join(folder, 'onnx'))).toEqual([]);
  });

  it.each([429, 503])('that answers %i is left alone for as long as it asks', async (status) => {
    let askedMs = 0;
    server.next.push((_request, response) => {
      askedMs = performance.now();
      response.writeHead(status, { 'retry-after': '1' }).end();
    });
    await download();
    expect(performance.now() - askedMs).toBeGreaterThan(990);
    expect(await arrived()).toEqual(CONTENT);
  });

  it('may name the time to come back by a date', async () => {
    server.next.push((_request, response) =>
      response.writeHead(503, { 'retry-after': new Date(0).toUTCString() }).end(),
    );
    await download();
    expect(await arrived()).toEqual(CONTENT);
  });

  it.each([
    [404, 'not_found', /check the mirror and the revision/],
    [403, 'unauthorized', /agreement or a login/],
    [400, 'storage_unavailable', /check the mirror/],
  ])('that answers %i is not asked again', async (status, code, message) => {
    server.next.push((_request, response) => response.writeHead(status).end());
    await expect(download()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(server.log).toHaveLength(1);
  });

  it('may redirect, also in the middle', async () => {
    const other = await startFileServer([['storage/blob', CONTENT]]);
    const redirect: FileServer['next'][number] = (_request, response) =>
      response.writeHead(302, { location: `${other.url}/storage/blob` }).end();
    server.next.push(redirect, redirect);
    other.next.push(dropAfter(0.5));
    await download(UNKNOWN);
    expect(await arrived()).toEqual(CONTENT);
    expect(other.log).toEqual(['storage/blob', 'storage/blob bytes=100000-']);
    await other.close();
  });

  it('that redirects in a circle, or to another protocol, is refused', async () => {
    server.next.push(
      ...Array.from({ length: 6 }, (): FileServer['next'][number] => (_request, response) => {
        response.writeHead(302, { location: '/model.onnx' }).end();
      }),
    );
    await expect(download()).rejects.toThrow(/redirects more than 5 times/);
    server.next.push((_request, response) => response.writeHead(302, { location: 'file:///etc/hostname' }).end());
    await expect(download()).rejects.toThrow(/not secure/);
  });

  it('that is the hub tells the digest, and it counts where none is known', async () => {
    const announce =
      (etag: string): FileServer['next'][number] =>
      (incoming, response, bytes) => {
        response.setHeader('x-repo-commit', 'abc').setHeader('x-linked-etag', etag);
        serve(incoming, response, bytes);
      };
    server.next.push(announce(`"${sha256(CONTENT)}"`));
    await download(UNKNOWN);
    await rm(join(folder, 'onnx'), { recursive: true });
    server.next.push(announce(`"${sha256(OTHER)}"`), announce(`"${sha256(OTHER)}"`));
    await expect(download(UNKNOWN)).rejects.toMatchObject({ code: 'model_invalid' });
    const git = createHash('sha1').update(`blob ${CONTENT.length}\0`).update(CONTENT).digest('hex');
    server.next.push(announce(git));
    await download(UNKNOWN);
    await rm(join(folder, 'onnx'), { recursive: true });
    server.next.push(announce('0'.repeat(40)), announce('0'.repeat(40)));
    await expect(download(UNKNOWN)).rejects.toThrow(/git blob/);
  });

  it('that is not there ends with the reason', async () => {
    await server.close();
    await expect(download()).rejects.toMatchObject({ code: 'storage_unavailable' });
    server = await startFileServer();
  });
});

it('keeps the body of an answer while nobody reads it yet, whatever the garbage collector does', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const file = await requestFile(request().url, {}, new AbortController().signal);
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await wait(1);
  }
  expect(new Uint8Array(await new Response(file.response.body).arrayBuffer())).toEqual(CONTENT);
});

it('says that the disk is full', async () => {
  await mkdir(join(folder, 'onnx'));
  await symlink('/dev/full', join(folder, 'onnx', 'model.onnx.part'));
  await expect(download()).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringContaining('disk is full'),
  });
});

it('stops when it is told to, and keeps what has arrived', async () => {
  const stopping = new AbortController();
  server.next.push((_request, response, bytes) => {
    response.writeHead(200, { etag: etagOf(bytes), 'content-length': bytes.length });
    response.write(bytes.subarray(0, 50_000));
  });
  const onProgress = (bytes: number) => bytes === 50_000 && stopping.abort(new Error('enough'));
  await expect(download({}, { signal: stopping.signal, stallMs: 30_000, onProgress })).rejects.toThrow('enough');
  expect((await stat(join(folder, 'onnx', 'model.onnx.part'))).size).toBe(50_000);
});
