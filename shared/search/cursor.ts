/**
 * Page cursors: opaque to clients, base64url of JSON inside. A cursor belongs to one query (its digest is in it) and says
 * how many results came before. While the index stands still the pages are one ranking cut in pieces; when items come or
 * go in between, a result may move across a page's edge, and the answer's `index` shows that the state has changed.
 */

import { createHash } from 'node:crypto';
import { ChiasmError } from '#shared/core/errors.ts';
import type { SearchRequest } from './query.ts';

/** Results that can be reached by paging; what lies deeper is no longer a match that anybody reads. */
export const MAX_RESULTS_DEEP = 1_000;

/** Everything that decides the ranking, so not the cursor and not the page's size. */
export function queryDigest(request: SearchRequest): string {
  const { cursor: _cursor, limit: _limit, ...query } = request;
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify(query, (_name, value: unknown) =>
      value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value,
    ),
  );
  return hash.digest('base64url').slice(0, 16);
}

export function encodeCursor(digest: string, offset: number): string {
  return Buffer.from(JSON.stringify([digest, offset])).toString('base64url');
}

/**
 * The offset in a cursor of the same query.
 * @throws ChiasmError `invalid_request` for anything else
 */
export function decodeCursor(cursor: string, digest: string): number {
  const [cursorDigest, offset] = parse(cursor);
  if (cursorDigest !== digest) {
    throw invalid('it belongs to another query; send it with the query, filter and mode of the page that it came with');
  }
  if (!Number.isSafeInteger(offset) || offset < 1 || offset > MAX_RESULTS_DEEP) throw invalid('it is damaged');
  return offset;
}

function parse(cursor: string): readonly [string, number] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number')
      return [value[0], value[1]];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw invalid('it is not one that a search returned');
}

function invalid(reason: string): ChiasmError {
  return new ChiasmError('invalid_request', `the cursor cannot be used: ${reason}`, {
    issues: [{ path: '/cursor', message: reason }],
  });
}
