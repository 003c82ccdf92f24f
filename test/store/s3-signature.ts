/** Checks requests as Amazon S3 does: Signature Version 4 in a header or in the address, payload digests, checksums. */

import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Signature {
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly date: string;
  readonly payload: string;
  readonly signature: string;
}

/** The error code that a request is refused with; undefined when its signature holds. */
export function signatureProblem(incoming: IncomingMessage, { secretAccessKey }: Credentials): string | undefined {
  const url = new URL(incoming.url ?? '', 'http://host');
  const given = url.searchParams.has('X-Amz-Signature') ? fromAddress(url) : fromHeaders(incoming);
  if (given === undefined) return 'AccessDenied';
  const seconds = Number(url.searchParams.get('X-Amz-Expires') ?? 15 * 60);
  if (Date.now() > parseDate(given.date) + seconds * 1000) return 'AccessDenied';
  if (!given.signedHeaders.includes('host')) return 'SignatureDoesNotMatch';
  const digest = createHash('sha256').update(canonicalRequest(incoming, given)).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', given.date, given.scope.join('/'), digest].join('\n');
  const key = given.scope.reduce((secret: string | Buffer, part) => hmac(secret, part), `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === given.signature ? undefined : 'SignatureDoesNotMatch';
}

/** The object's bytes out of a request's body, or the error code when a digest, a checksum or the length is wrong. */
export function decodePayload(incoming: IncomingMessage, body: Buffer): Buffer | string {
  const digest = incoming.headers['x-amz-content-sha256'];
  const isChunked = typeof digest === 'string' && digest.startsWith('STREAMING-');
  const { bytes, trailer } = isChunked ? decodeChunks(body) : { bytes: body, trailer: {} };
  if (/^[0-9a-f]{64}$/.test(String(digest)) && createHash('sha256').update(body).digest('hex') !== digest) {
    return 'XAmzContentSHA256Mismatch';
  }
  const checksum = incoming.headers['x-amz-checksum-crc32'] ?? trailer['x-amz-checksum-crc32'];
  if (checksum !== undefined && checksum !== crc32Of(bytes)) return 'BadDigest';
  const length = incoming.headers['x-amz-decoded-content-length'];
  return length !== undefined && Number(length) !== bytes.length ? 'IncompleteBody' : bytes;
}

export function crc32Of(bytes: Buffer): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return checksum.toString('base64');
}

function fromHeaders({ headers }: IncomingMessage): Signature | undefined {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  if (match === null) return undefined;
  const [, credential = '', signedHeaders = '', signature = ''] = match;
  return {
    scope: credential.split('/').slice(1),
    signedHeaders: signedHeaders.split(';'),
    date: String(headers['x-amz-date']),
    payload: String(headers['x-amz-content-sha256']),
    signature,
  };
}

function fromAddress({ searchParams }: URL): Signature {
  return {
    scope: (searchParams.get('X-Amz-Credential') ?? '').split('/').slice(1),
    signedHeaders: (searchParams.get('X-Amz-SignedHeaders') ?? '').split(';'),
    date: searchParams.get('X-Amz-Date') ?? '',
    payload: searchParams.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    signature: searchParams.get('X-Amz-Signature') ?? '',
  };
}

function canonicalRequest(incoming: IncomingMessage, { signedHeaders, payload }: Signature): string {
  const [path = '', query = ''] = (incoming.url ?? '').split('?');
  const parameters = query
    .split('&')
    .filter((parameter) => parameter !== '' && !parameter.startsWith('X-Amz-Signature='))
    .map((parameter) => (parameter.includes('=') ? parameter : `${parameter}=`))
    .sort();
  const headers = signedHeaders.map((name) => `${name}:${String(incoming.headers[name] ?? '').trim()}\n`);
  return [incoming.method, path, parameters.join('&'), headers.join(''), signedHeaders.join(';'), payload].join('\n');
}

/** Decodes `aws-chunked`: `size in hexadecimal CRLF bytes CRLF`, a chunk of size 0, then trailing headers. */
function decodeChunks(body: Buffer): { bytes: Buffer; trailer: Record<string, string> } {
  const chunks: Buffer[] = [];
  let position = 0;
  for (;;) {
    const end = body.indexOf('\r\n', position);
    const size = Number.parseInt(body.toString('latin1', position, end), 16);
    position = end + 2;
    if (size === 0) break;
    chunks.push(body.subarray(position, position + size));
    position += size + 2;
  }
  const lines = body.toString('latin1', position).split('\r\n');
  const trailer = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const] : [];
  });
  return { bytes: Buffer.concat(chunks), trailer: Object.fromEntries(trailer) };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** `20261123T060000Z` in milliseconds. */
function parseDate(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
