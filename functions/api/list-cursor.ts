/** Cursors of lists: the last key (or an adapter's own mark) in base64url, so that clients do not build on it. */

import { ChiasmError } from '#shared/core/errors.ts';

export function encodeListCursor(after: string): string {
  return Buffer.from(JSON.stringify(['after', after])).toString('base64url');
}

/** @throws ChiasmError `invalid_request` for what `encodeListCursor` did not make */
export function decodeListCursor(cursor: string): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.length === 2 && value[0] === 'after' && typeof value[1] === 'string')
      return value[1];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const message = 'expected a nextCursor that a page of this list returned';
  throw new ChiasmError('invalid_request', message, { issues: [{ path: '/query/cursor', message }] });
}
