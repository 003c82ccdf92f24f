/** A bucket of Amazon S3 as an object store. Conditions are S3's own conditional writes. */

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { objectKeyProblem, parseObjectKey } from '#shared/core/object-key.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { type ByteRange, checkRange } from './byte-range.ts';
import { checkMetadata } from './check-metadata.ts';
import { quote } from './file-error.ts';
import type { ListOptions, ObjectInfo, ObjectMetadata, ObjectStore, PutOptions, PutResult } from './object-store.ts';
import { downloadVersion } from './s3-download.ts';
import { isNoSuchKey, isOfConnection, s3Status, toS3Error } from './s3-error.ts';
import { decodeMetadata, encodeMetadata, WRITE_TOKEN } from './s3-metadata.ts';
import { cutIntoParts, PART_BYTES, type UploadTarget, uploadParts } from './s3-upload.ts';

export interface S3ObjectStoreOptions {
  /** Called for each object whose key is none for Chiasm, such as the folder markers `a/` of other tools. */
  readonly onSkipped?: (key: string, reason: string) => void;
}

/** Tries at a body that breaks off, and at a conditional write that S3 answers with 409 (another one is under way). */
const TRIES = 5;
const FIRST_PAUSE_MS = 50;

/** Of this process: ULIDs draw from `Math.random`, which a restored snapshot of a function seeds anew. */
const nextToken = createUlidGenerator(systemClock);

type Conditions = Pick<GetObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>;
type Described = ObjectInfo & ObjectMetadata;

export function createS3ObjectStore(
  { client, bucket }: { readonly client: S3Client; readonly bucket: string },
  { onSkipped = () => {} }: S3ObjectStoreOptions = {},
): ObjectStore {
  const at = (key: string) => ({ Bucket: bucket, Key: parseObjectKey(key) });

  async function attempt<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw toS3Error(error, doing, bucket);
    }
  }

  async function head(key: string): Promise<(Described & { readonly token: string | undefined }) | undefined> {
    try {
      const answer = await client.send(new HeadObjectCommand(at(key)));
      return { ...describe(key, answer), token: answer.Metadata?.[WRITE_TOKEN] };
    } catch (error) {
      if (isNoSuchKey(error)) return undefined;
      throw error;
    }
  }

  async function headPublic(key: string): Promise<Described | undefined> {
    const found = await head(key);
    if (found === undefined) return undefined;
    const { token: _token, ...info } = found;
    return info;
  }

  /** The answer to a GET, its body not yet read; `empty` when the range holds no byte, undefined when there is no object. */
  async function open(
    key: string,
    range: ByteRange | undefined,
    conditions: Conditions = {},
  ): Promise<GetObjectCommandOutput | 'empty' | 'unchanged' | undefined> {
    if (range !== undefined) checkRange(range);
    if (range !== undefined && range.start === range.end) return 'empty';
    try {
      return await client.send(new GetObjectCommand({ ...at(key), Range: rangeHeader(range), ...conditions }));
    } catch (error) {
      if (isNoSuchKey(error)) return undefined;
      if (s3Status(error) === 416) return 'empty';
      if (s3Status(error) === 304) return 'unchanged';
      throw error;
    }
  }

  /** A whole body in memory; asked for again when the connection breaks off. */
  async function read(key: string, range: ByteRange | undefined, conditions?: Conditions) {
    for (let tries = 1; ; tries++) {
      const answer = await open(key, range, conditions);
      if (answer === undefined || typeof answer === 'string') return answer;
      try {
        return { answer, bytes: await readBody(answer) };
      } catch (error) {
        if (tries === TRIES || !(error instanceof Error) || !isOfConnection(error)) throw error;
        await pause(tries);
      }
    }
  }

  async function send(target: UploadTarget, body: Uint8Array | Readable): Promise<string | undefined> {
    if (body instanceof Uint8Array) return (await client.send(new PutObjectCommand({ ...target, Body: body }))).ETag;
    const parts = cutIntoParts(body);
    const first = await parts.next();
    if (first.done || first.value.length < PART_BYTES) return send(target, first.value ?? Buffer.alloc(0));
    return uploadParts(client, target, withFirst(first.value, parts));
  }

  async function put(key: string, body: Uint8Array | Readable, options: PutOptions): Promise<PutResult> {
    checkMetadata(options);
    const { ifAbsent, ifMatch, contentType, metadata = {} } = options;
    const token = nextToken();
    const target: UploadTarget = {
      ...at(key),
      Metadata: { ...encodeMetadata(metadata), [WRITE_TOKEN]: token },
      ...(contentType !== undefined && { ContentType: contentType }),
      ...(ifAbsent && { IfNoneMatch: '*' }),
      ...(ifMatch !== undefined && { IfMatch: `"${ifMatch}"` }),
    };
    const sent = await trySend(target, body);
    if (!(sent instanceof Error)) return { written: true, etag: etagOf(sent) };
    // A refusal may be this writer's own doing: its first request was carried out, the answer was lost, and the SDK's second
    // request met the object that the first one had written (or an upload that was complete). The token tells.
    const found = await head(key);
    if (found?.token === token) return { written: true, etag: found.etag };
    if (ifAbsent || ifMatch !== undefined) return { written: false };
    throw sent;
  }

  /** The quoted etag, or the refusal of a condition. A 409 is repeated where the body can be sent again. */
  async function trySend(target: UploadTarget, body: Uint8Array | Readable): Promise<string | Error | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await send(target, body);
      } catch (error) {
        const status = s3Status(error);
        if (status === 412 || isNoSuchKey(error)) return error as Error;
        if (status !== 409) throw error;
        if (tries === TRIES || !(body instanceof Uint8Array)) {
          const message = `${quote(target.Key)} is being written by others; read it again and repeat the write`;
          throw new ChiasmError('conflict', message, { cause: error, retryable: true });
        }
        await pause(tries);
      }
    }
  }

  async function* list({ prefix, startAfter }: ListOptions): AsyncGenerator<ObjectInfo> {
    let token: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          StartAfter: token === undefined ? startAfter : undefined,
          ContinuationToken: token,
          EncodingType: 'url', // XML cannot hold every character
        }),
      );
      for (const found of page.Contents ?? []) {
        const key = decodeURIComponent((found.Key ?? '').replaceAll('+', ' '));
        const problem = objectKeyProblem(key);
        if (problem !== undefined) onSkipped(key, problem);
        else yield { key, etag: etagOf(found.ETag), sizeBytes: found.Size ?? 0, modifiedAtMs: timeOf(found) };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Bytes of one version for a download; undefined when the object is another one now. */
  async function readVersion(key: string, start: number, end: number, etag: string): Promise<Uint8Array | undefined> {
    try {
      const found = await read(key, { start, end }, { IfMatch: `"${etag}"` });
      return typeof found === 'object' ? found.bytes : undefined;
    } catch (error) {
      if (s3Status(error) === 412) return undefined;
      throw error;
    }
  }

  return {
    get: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        const found = await read(key, range);
        if (found === undefined) return undefined;
        if (typeof found === 'object') return { ...describe(key, found.answer), bytes: found.bytes };
        const info = await headPublic(key);
        return info && { ...info, bytes: new Uint8Array() };
      }),
    getIfChanged: (key, etag) =>
      attempt(`read ${quote(key)}`, async () => {
        const found = await read(key, undefined, { IfNoneMatch: `"${etag}"` });
        if (typeof found !== 'object') return found === undefined ? undefined : 'unchanged';
        return { ...describe(key, found.answer), bytes: found.bytes };
      }),
    stream: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        const answer = await open(key, range);
        if (answer === undefined) return undefined;
        if (typeof answer === 'object') return { ...describe(key, answer), body: answer.Body as Readable };
        const info = await headPublic(key);
        return info && { ...info, body: Readable.from([]) };
      }),
    head: (key) => attempt(`read ${quote(key)}`, () => headPublic(key)),
    put: (key, body, options = {}) => attempt(`store ${quote(key)}`, () => put(key, body, options)),
    delete: (key) =>
      attempt(`delete ${quote(key)}`, async () => {
        await client.send(new DeleteObjectCommand(at(key)));
      }),
    async *list(options = {}) {
      try {
        yield* list(options);
      } catch (error) {
        throw toS3Error(error, 'list the objects', bucket);
      }
    },
    localPath: (key, folder) =>
      attempt(`read ${quote(key)}`, async () => {
        for (let tries = 1; tries <= TRIES; tries++) {
          const info = await headPublic(key);
          if (info === undefined) return undefined;
          const path = await downloadVersion(info, folder, (start, end, etag) => readVersion(key, start, end, etag));
          if (path !== undefined) return path;
        }
        const message = `${quote(key)} changed ${TRIES} times while it was being copied; try again`;
        throw new ChiasmError('storage_unavailable', message, { retryable: true });
      }),
  };
}

function describe(key: string, answer: GetObjectCommandOutput | HeadObjectCommandOutput): Described {
  const total = 'ContentRange' in answer ? answer.ContentRange?.split('/')[1] : undefined;
  return {
    key,
    etag: etagOf(answer.ETag),
    sizeBytes: total === undefined ? (answer.ContentLength ?? 0) : Number(total),
    modifiedAtMs: timeOf(answer),
    ...decodeMetadata(answer.ContentType, answer.Metadata),
  };
}

async function readBody(answer: GetObjectCommandOutput): Promise<Uint8Array> {
  const bytes = await answer.Body!.transformToByteArray();
  if (answer.ContentLength === undefined || bytes.length === answer.ContentLength) return bytes;
  const message = `expected ${answer.ContentLength} bytes; the connection ended after ${bytes.length}`;
  throw Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function rangeHeader(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined;
  return range.end === Number.POSITIVE_INFINITY ? `bytes=${range.start}-` : `bytes=${range.start}-${range.end - 1}`;
}

function etagOf(quoted: string | undefined): string {
  return (quoted ?? '').replaceAll('"', '');
}

function timeOf(answer: { readonly LastModified?: Date | undefined }): number {
  return answer.LastModified?.getTime() ?? 0;
}

async function* withFirst(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

/** 50 ms, then twice as long each time, half of it by chance so that writers do not meet again. */
async function pause(tries: number): Promise<void> {
  const longest = FIRST_PAUSE_MS * 2 ** (tries - 1);
  await sleep(longest / 2 + (Math.random() * longest) / 2);
}
