/**
 * One request for a file at the hub or a mirror. Redirects are followed here, because the hub tells the digest of a large
 * file in the answer that redirects to its storage (X-Linked-Etag), and because nobody may lead from https to http.
 */

import { ChiasmError } from '#shared/core/errors.ts';

/** What the hub says of a file; nothing at a plain mirror. */
export interface Announced {
  readonly sha256?: string;
  /** Of a small file: SHA-1 over `blob SIZE\0` and its bytes, as git names it. */
  readonly gitSha1?: string;
  readonly sizeBytes?: number;
}

export interface FileResponse {
  /** Must be held until its body is read: Node.js ends the body of a response that was collected as garbage, without an error. */
  readonly response: Response;
  readonly announced: Announced;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** @throws ChiasmError `storage_unavailable` for redirects that lead nowhere or to an unsafe place; whatever `fetch` throws */
export async function requestFile(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<FileResponse> {
  let at = new URL(url);
  let announced: Announced = {};
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    // identity: the length and the ranges of a compressed answer would not be those of the file
    const response = await fetch(at, {
      headers: { ...headers, 'accept-encoding': 'identity' },
      redirect: 'manual',
      signal,
    });
    announced = { ...readAnnounced(response.headers), ...announced };
    const location = response.headers.get('location');
    if (!REDIRECTS.includes(response.status) || location === null) {
      return { response, announced };
    }
    await response.body?.cancel();
    const next = new URL(location, at);
    if (!/^https?:$/.test(next.protocol) || (at.protocol === 'https:' && next.protocol === 'http:')) {
      throw new ChiasmError('storage_unavailable', `${at.origin} redirects to ${next.origin}, which is not secure`);
    }
    at = next;
  }
  throw new ChiasmError('storage_unavailable', `${url} redirects more than ${MAX_REDIRECTS} times`);
}

function readAnnounced(headers: Headers): Announced {
  if (!headers.has('x-repo-commit')) return {}; // not the hub: an ETag may mean anything
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const size = Number(headers.get('x-linked-size') ?? Number.NaN);
  return {
    ...(/^[0-9a-f]{64}$/.test(etag) && { sha256: etag }),
    ...(/^[0-9a-f]{40}$/.test(etag) && { gitSha1: etag }),
    ...(Number.isSafeInteger(size) && { sizeBytes: size }),
  };
}

/** Milliseconds that `Retry-After` asks for: seconds or a date; undefined without it. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
