/**
 * One file from a URL to a place, whatever the network does: resumed where it broke off, slowed down when the server asks
 * for it, checked before it takes its name. Never half a file, never another one.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { fileDigest } from '../file-digest.ts';
import { completePart, discardPart, findPart, openPart, partPath } from './part-file.ts';
import { type Announced, requestFile, retryAfterMs } from './request-file.ts';

export interface DownloadRequest {
  readonly url: string;
  readonly target: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file that are here, and of how many, as far as it is known. */
  readonly onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
  /** Without a byte for this long, the connection is given up. @default 30 seconds */
  readonly stallMs?: number;
  /** Pause after the first failure; doubled at each that brings nothing new. @default 1 second */
  readonly retryMs?: number;
  /** Failures in a row, without a byte in between, after which it ends. @default 6 */
  readonly maxFailures?: number;
  /** Largest file of a size that nobody knows. @default 4 GiB */
  readonly maxBytes?: number;
}

export interface DownloadedFile {
  readonly sizeBytes: number;
  readonly sha256: string;
}

const DEFAULTS = { stallMs: 30_000, retryMs: 1_000, maxFailures: 6, maxBytes: 2 ** 32 };
const MAX_PAUSE_MS = 60_000;
/** The server may ask for a longer pause than ours, within reason. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;
/** A whole file of wrong content is fetched once more: a proxy may have spoilt it. */
const MAX_WRONG = 2;

/** How one attempt ended. */
type Outcome =
  | { readonly kind: 'complete'; readonly announced: Announced }
  | { readonly kind: 'failed'; readonly reason: string; readonly progressed: boolean; readonly waitMs?: number };

/**
 * @throws ChiasmError `not_found` when the server has no such file, `unauthorized` when it does not give it, `model_invalid` when
 * it gives another one, `storage_unavailable` when it cannot be reached or the disk is full; the part that has arrived stays
 */
export async function downloadFile(request: DownloadRequest, options: DownloadOptions = {}): Promise<DownloadedFile> {
  const settings = { ...DEFAULTS, ...options };
  const there = await findComplete(request);
  if (there) return there;
  let failures = 0;
  let wrong = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    const outcome = await attempt(request, settings);
    if (outcome.kind === 'complete') {
      const result = await checkPart(request, outcome.announced);
      if (!('problem' in result)) {
        await completePart(request.target);
        return result;
      }
      await discardPart(request.target);
      wrong += 1;
      if (wrong >= MAX_WRONG)
        throw new ChiasmError('model_invalid', `${request.url} is another file: ${result.problem}`);
      continue;
    }
    failures = outcome.progressed ? 0 : failures + 1;
    if (failures >= settings.maxFailures) {
      throw new ChiasmError(
        'storage_unavailable',
        `${request.url}: ${outcome.reason}, ${failures} times; try again later`,
        {
          retryable: true,
        },
      );
    }
    const pauseMs = outcome.waitMs ?? Math.min(MAX_PAUSE_MS, settings.retryMs * 2 ** Math.max(0, failures - 1));
    await sleep(Math.min(MAX_RETRY_AFTER_MS, pauseMs), undefined, { signal: options.signal });
  }
}

/** A file that an earlier run has finished. Without a known digest, only a whole run knows whether it is the right one. */
async function findComplete({ target, sha256 }: DownloadRequest): Promise<DownloadedFile | undefined> {
  const stats = await stat(target).catch(() => undefined);
  if (!stats?.isFile() || sha256 === undefined || (await fileDigest(target)) !== sha256) return undefined;
  return { sizeBytes: stats.size, sha256 };
}

type Settings = typeof DEFAULTS & DownloadOptions;

async function attempt(request: DownloadRequest, settings: Settings): Promise<Outcome> {
  const part = await findPart(request.target, request.url);
  // without a validator the rest might be of another version, which only a digest would find
  const from = part.validator !== undefined || request.sha256 !== undefined ? part.sizeBytes : 0;
  if (request.sizeBytes !== undefined && from === request.sizeBytes) return { kind: 'complete', announced: {} };
  const stall = createStall(settings);
  let received = from;
  let tooLong = false;
  try {
    const { response, announced } = await requestFile(request.url, rangeHeaders(from, part.validator), stall.signal);
    const start = acceptResponse(request, response, from);
    if (typeof start !== 'number') {
      await response.body?.cancel();
      if (start.discard) await discardPart(request.target);
      return { kind: 'failed', progressed: false, ...start };
    }
    const total = request.sizeBytes ?? announced.sizeBytes ?? declaredSize(response, start);
    const limit = total ?? settings.maxBytes;
    const etag = response.headers.get('etag');
    const validator = etag?.startsWith('"') ? etag : undefined;
    stall.disarm();
    const writer = await openPart(request.target, start, { url: request.url, ...(validator && { validator }) });
    received = start;
    stall.arm();
    try {
      for await (const chunk of response.body ?? []) {
        stall.disarm(); // a slow disk is not a slow server
        if (received + chunk.length > limit) {
          tooLong = true;
          break;
        }
        await writer.write(chunk);
        received += chunk.length;
        settings.onProgress?.(received, total);
        stall.arm();
      }
    } catch (error) {
      await writer.close().catch(() => undefined); // the first error is the one to tell
      throw error;
    }
    await writer.close();
    if (tooLong) {
      await discardPart(request.target);
      return { kind: 'failed', reason: `it sends more than the ${limit} bytes of the file`, progressed: false };
    }
    if (total === undefined || received === total) return { kind: 'complete', announced };
    return {
      kind: 'failed',
      reason: `the answer ended after ${received} of ${total} bytes`,
      progressed: received > start,
    };
  } catch (error) {
    return { kind: 'failed', reason: describeFault(error, settings, stall.stalled()), progressed: received > from };
  } finally {
    stall.disarm();
  }
}

function rangeHeaders(from: number, validator: string | undefined): Record<string, string> {
  if (from === 0) return {};
  return { range: `bytes=${from}-`, ...(validator !== undefined && { 'if-range': validator }) };
}

/** From which byte the answer goes on; otherwise why it does not. @throws ChiasmError when asking again cannot help */
function acceptResponse(
  request: DownloadRequest,
  { status, headers }: Response,
  from: number,
): number | { reason: string; waitMs?: number; discard?: boolean } {
  if (status === 200) return 0; // the whole file: the server knows no ranges, or has another version
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
    if (range !== null && Number(range[1]) === from) return from;
    return { reason: `it answers with another range (${headers.get('content-range')})`, discard: true };
  }
  if (status === 416) return { reason: 'it has fewer bytes than are here already', discard: true };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const waitMs = retryAfterMs(headers, Date.now());
    return { reason: `it answers ${status}`, ...(waitMs !== undefined && { waitMs }) };
  }
  const { code, advice } = refusal(status);
  throw new ChiasmError(code, `${request.url} answers ${status}; ${advice}`);
}

function refusal(status: number): { code: 'unauthorized' | 'not_found' | 'storage_unavailable'; advice: string } {
  if (status === 401 || status === 403)
    return { code: 'unauthorized', advice: 'the model may be behind an agreement or a login' };
  if (status === 404 || status === 410) return { code: 'not_found', advice: 'check the mirror and the revision' };
  return { code: 'storage_unavailable', advice: 'check the mirror' };
}

/** Size of the whole file by the headers of an answer that starts at `start`. */
function declaredSize({ status, headers }: Response, start: number): number | undefined {
  if (status === 206) {
    const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
    if (total !== undefined) return Number(total);
  }
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : start + Number(length);
}

async function checkPart(
  request: DownloadRequest,
  announced: Announced,
): Promise<DownloadedFile | { readonly problem: string }> {
  const path = partPath(request.target);
  const { size: sizeBytes } = await stat(path);
  const sha256 = await fileDigest(path);
  const expected = request.sha256 ?? announced.sha256;
  if (request.sizeBytes !== undefined && sizeBytes !== request.sizeBytes) {
    return { problem: `expected ${request.sizeBytes} bytes, got ${sizeBytes}` };
  }
  if (expected !== undefined && sha256 !== expected) return { problem: `expected SHA-256 ${expected}, got ${sha256}` };
  if (expected === undefined && announced.gitSha1 !== undefined) {
    const sha1 = await gitSha1(path, sizeBytes);
    if (sha1 !== announced.gitSha1) return { problem: `expected the git blob ${announced.gitSha1}, got ${sha1}` };
  }
  return { sizeBytes, sha256 };
}

async function gitSha1(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash('sha1').update(`blob ${sizeBytes}\0`);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Aborts when no byte comes for a while, or when the caller does. Armed from the start. */
function createStall({ stallMs, signal }: Settings) {
  const controller = new AbortController();
  let stalled = false;
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    timer = setTimeout(() => {
      stalled = true;
      controller.abort();
    }, stallMs);
  };
  arm();
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    stalled: () => stalled,
    arm,
    disarm: () => clearTimeout(timer),
  };
}

/** Why the connection broke. @throws what no further attempt can help against */
function describeFault(error: unknown, { signal, stallMs }: Settings, stalled: boolean): string {
  signal?.throwIfAborted();
  if (stalled) return `no byte came for ${stallMs / 1000} seconds`;
  if (error instanceof ChiasmError) throw error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    throw new ChiasmError(
      'storage_unavailable',
      `the disk is full; what has arrived is kept in ${path ?? 'the data folder'}`,
      {
        cause: error,
      },
    );
  }
  if (code !== undefined && /^E(ACCES|PERM|ROFS|IO|ISDIR|NOTDIR)$/.test(code)) throw toChiasmError(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
  return cause ?? (error instanceof Error ? error.message : String(error));
}
