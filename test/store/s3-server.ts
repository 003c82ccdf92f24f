/**
 * A server with the protocol of Amazon S3 for tests, in memory: path-style objects, multipart uploads, ListObjectsV2,
 * ranges, conditional writes and signatures by the API reference and the user guide ("Conditional writes"); and it fails on
 * demand. (The s3rver package has no conditional writes, lists out of order, and cannot hold long names.)
 */

import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Credentials, crc32Of, decodePayload, signatureProblem } from './s3-signature.ts';

export interface S3Fault {
  /** Only requests of this method, e.g. `PUT`; all when absent. */
  readonly method?: string;
  /** Only requests whose path and query match. */
  readonly url?: RegExp;
  /** How often it happens. @default 1 */
  readonly times?: number;
  /**
   * A number answers this status and does nothing. `drop-before`: the connection breaks and nothing is done.
   * `drop-after`: it is done and the connection breaks. `truncate`: half of the answer's body comes. `hang`: no answer.
   */
  readonly effect: 409 | 500 | 503 | 'drop-before' | 'drop-after' | 'truncate' | 'hang';
}

/** What EventBridge would be told. */
export interface S3Change {
  readonly detailType: 'Object Created' | 'Object Deleted';
  readonly bucket: string;
  readonly key: string;
  readonly sequencer: string;
}

export interface S3TestServer {
  readonly settings: { readonly endpoint: string; readonly region: string; readonly credentials: Credentials };
  /** Method and path of every request so far. */
  readonly requests: readonly string[];
  /** The name of a new, empty bucket. */
  createBucket(): string;
  /** Multipart uploads that were neither completed nor aborted. */
  readonly openUploads: number;
  fail(fault: S3Fault): void;
  close(): void;
}

type Headers = Record<string, string>;
interface StoredVersion {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modified: Date;
  /** Content type and metadata, as they were sent. */
  readonly headers: Headers;
}
interface Upload {
  readonly headers: Headers;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}
interface Answer {
  readonly status: number;
  readonly headers?: Headers;
  readonly body?: Buffer | string;
}

const CODES: Record<number, string> = { 409: 'ConditionalRequestConflict', 500: 'InternalError', 503: 'SlowDown' };
const MIN_PART_BYTES = 5 * 1024 * 1024;
const PAGE_KEYS = 1_000;

export async function startS3Server(onChange: (change: S3Change) => void = () => {}): Promise<S3TestServer> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const buckets = new Map<string, Map<string, StoredVersion>>();
  const uploads = new Map<string, Upload>();
  const requests: string[] = [];
  const faults: { readonly fault: S3Fault; left: number }[] = [];
  let changes = 0;
  const changed = (detailType: S3Change['detailType'], bucket: string, key: string) => {
    changes += 1;
    const sequencer = (0x62e99a88dc4074 + changes).toString(16).toUpperCase().padStart(16, '0');
    onChange({ detailType, bucket, key, sequencer });
  };

  const server = createServer((incoming, outgoing) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    respond(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const effect = takeFault(faults, incoming);
    if (effect === 'hang') return;
    if (effect === 'drop-before') return void incoming.socket.destroy();
    const body = await buffer(incoming);
    const answer = typeof effect === 'number' ? refusal(effect, CODES[effect]!) : handle(incoming, body);
    if (effect === 'drop-after') return void incoming.socket.destroy();
    const content = Buffer.from(answer.body ?? '');
    outgoing.writeHead(answer.status, { 'content-length': content.length, ...answer.headers });
    if (effect !== 'truncate') return void outgoing.end(incoming.method === 'HEAD' ? undefined : content);
    outgoing.write(content.subarray(0, Math.floor(content.length / 2)), () => incoming.socket.destroy());
  }

  /** One request, carried out in one step: no other one comes in between. */
  function handle(incoming: IncomingMessage, body: Buffer): Answer {
    const problem = signatureProblem(incoming, credentials);
    if (problem !== undefined) return refusal(403, problem);
    const url = new URL(incoming.url ?? '', 'http://host');
    const [, bucketName = '', ...segments] = url.pathname.split('/');
    const bucket = buckets.get(bucketName);
    if (bucket === undefined) return refusal(404, 'NoSuchBucket');
    const key = decodeURIComponent(segments.join('/'));
    const bytes = decodePayload(incoming, body);
    if (typeof bytes === 'string') return refusal(400, bytes);
    if (key === '') return list(bucket, url.searchParams);
    if (Buffer.byteLength(key) > 1024) return refusal(400, 'KeyTooLongError');
    const uploadId = url.searchParams.get('uploadId');
    const { method = '' } = incoming;
    const announce = (answer: Answer): Answer => {
      if (answer.status < 300) changed(method === 'DELETE' ? 'Object Deleted' : 'Object Created', bucketName, key);
      return answer;
    };
    if (method === 'GET' || method === 'HEAD') return read(bucket.get(key), incoming);
    if (method === 'POST' && uploadId === null) return createUpload(uploads, incoming);
    if (method === 'PUT' && uploadId === null)
      return announce(put(bucket, key, incoming, bytes, etagOf(bytes), keptHeaders(incoming)));
    if (method === 'DELETE' && uploadId === null) {
      return bucket.delete(key) ? announce({ status: 204 }) : { status: 204 };
    }
    const upload = uploads.get(uploadId ?? '');
    if (upload === undefined) return refusal(404, 'NoSuchUpload');
    if (method === 'PUT') return putPart(upload, Number(url.searchParams.get('partNumber')), bytes);
    const answer =
      method === 'DELETE' ? { status: 204 } : completeUpload(bucket, key, upload, incoming, bytes.toString());
    if (answer.status < 300) uploads.delete(uploadId ?? '');
    return method === 'DELETE' ? answer : announce(answer);
  }

  return {
    settings: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials,
    },
    requests,
    get openUploads() {
      return uploads.size;
    },
    createBucket() {
      const name = `bucket-${buckets.size + 1}`;
      buckets.set(name, new Map());
      return name;
    },
    fail: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function takeFault(faults: { readonly fault: S3Fault; left: number }[], { method, url = '' }: IncomingMessage) {
  const found = faults.find(
    ({ fault, left }) =>
      left > 0 && (fault.method ?? method) === method && (fault.url === undefined || fault.url.test(url)),
  );
  if (found !== undefined) found.left -= 1;
  return found?.fault.effect;
}

function read(found: StoredVersion | undefined, { headers }: IncomingMessage): Answer {
  if (found === undefined) return refusal(404, 'NoSuchKey');
  const { bytes, etag, modified } = found;
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return refusal(412, 'PreconditionFailed');
  if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
  const described = { ...found.headers, etag, 'last-modified': modified.toUTCString(), 'accept-ranges': 'bytes' };
  const match = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  if (match === null) {
    return { status: 200, headers: { ...described, 'x-amz-checksum-crc32': crc32Of(bytes) }, body: bytes };
  }
  const start = Number(match[1]);
  const end = Math.min(match[2] === '' ? bytes.length : Number(match[2]) + 1, bytes.length);
  if (start >= bytes.length) return refusal(416, 'InvalidRange');
  const range = `bytes ${start}-${end - 1}/${bytes.length}`;
  return { status: 206, headers: { ...described, 'content-range': range }, body: bytes.subarray(start, end) };
}

function put(
  bucket: Map<string, StoredVersion>,
  key: string,
  incoming: IncomingMessage,
  bytes: Buffer,
  etag: string,
  headers: Headers,
): Answer {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = incoming.headers;
  const current = bucket.get(key);
  if (ifMatch !== undefined && current === undefined) return refusal(404, 'NoSuchKey');
  if (ifMatch !== undefined && current?.etag !== ifMatch) return refusal(412, 'PreconditionFailed');
  if (ifNoneMatch === '*' && current !== undefined) return refusal(412, 'PreconditionFailed');
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  const sizeBytes = metadata.reduce((sum, [name, value]) => sum + name.length - 11 + value.length, 0);
  if (sizeBytes > 2048) return refusal(400, 'MetadataTooLarge');
  const modified = new Date(Math.floor(Date.now() / 1000) * 1000); // S3 tells whole seconds
  bucket.set(key, { bytes, etag, modified, headers });
  return { status: 200, headers: { etag } };
}

function createUpload(uploads: Map<string, Upload>, incoming: IncomingMessage): Answer {
  const id = randomUUID();
  uploads.set(id, { headers: keptHeaders(incoming), parts: new Map() });
  return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
}

function putPart(upload: Upload, number: number, bytes: Buffer): Answer {
  const etag = etagOf(bytes);
  upload.parts.set(number, { bytes, etag });
  return { status: 200, headers: { etag, 'x-amz-checksum-crc32': crc32Of(bytes) } };
}

function completeUpload(
  bucket: Map<string, StoredVersion>,
  key: string,
  upload: Upload,
  incoming: IncomingMessage,
  body: string,
): Answer {
  const numbers = [...body.matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map((match) => Number(match[1]));
  const etags = [...body.matchAll(/<ETag>(.*?)<\/ETag>/g)].map((match) => match[1]!.replaceAll('&quot;', '"'));
  const parts = numbers.map((number) => upload.parts.get(number));
  if (parts.some((part, i) => part === undefined || part.etag !== etags[i])) return refusal(400, 'InvalidPart');
  if (numbers.some((number, i) => i > 0 && number <= numbers[i - 1]!)) return refusal(400, 'InvalidPartOrder');
  const all = parts.map((part) => part!.bytes);
  if (all.slice(0, -1).some((part) => part.length < MIN_PART_BYTES)) return refusal(400, 'EntityTooSmall');
  const digests = Buffer.concat(all.map((part) => createHash('md5').update(part).digest()));
  const etag = `"${createHash('md5').update(digests).digest('hex')}-${all.length}"`;
  const answer = put(bucket, key, incoming, Buffer.concat(all), etag, upload.headers);
  if (answer.status !== 200) return answer;
  return xml(`<CompleteMultipartUploadResult><ETag>${escapeXml(etag)}</ETag></CompleteMultipartUploadResult>`);
}

function list(bucket: Map<string, StoredVersion>, parameters: URLSearchParams): Answer {
  const prefix = parameters.get('prefix') ?? '';
  const token = parameters.get('continuation-token');
  const after = token === null ? parameters.get('start-after') : Buffer.from(token, 'base64url').toString();
  const encode = parameters.get('encoding-type') === 'url' ? encodeURIComponent : (text: string) => text;
  const keys = [...bucket.keys()]
    .filter(
      (key) => key.startsWith(prefix) && (after === null || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0),
    )
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const page = keys.slice(0, PAGE_KEYS);
  const contents = page.map((key) => {
    const { bytes, etag, modified } = bucket.get(key)!;
    const values = { Key: encode(key), LastModified: modified.toISOString(), ETag: etag, Size: String(bytes.length) };
    const elements = Object.entries(values).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
    return `<Contents>${elements.join('')}</Contents>`;
  });
  const isTruncated = keys.length > page.length;
  const next = Buffer.from(page.at(-1) ?? '').toString('base64url');
  const more = isTruncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : '';
  const fields = `<IsTruncated>${isTruncated}</IsTruncated><KeyCount>${page.length}</KeyCount>${more}`;
  return xml(`<ListBucketResult>${fields}${contents.join('')}</ListBucketResult>`);
}

function keptHeaders({ headers }: IncomingMessage): Headers {
  const kept = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'));
  return {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
  };
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function xml(content: string): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0"?>${content}` };
}

function refusal(status: number, code: string): Answer {
  return { ...xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`), status };
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
