/** Byte ranges of reads: `end` is exclusive and may lie past the object's end. */

import { ChiasmError } from '#shared/core/errors.ts';

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** @throws ChiasmError `invalid_request` unless 0 <= start <= end, both whole numbers (`end` may be Infinity) */
export function checkRange(range: ByteRange): void {
  const { start, end } = range;
  const whole = Number.isSafeInteger(start) && (Number.isSafeInteger(end) || end === Number.POSITIVE_INFINITY);
  if (!whole || start < 0 || end < start) {
    throw new ChiasmError(
      'invalid_request',
      `expected a byte range with 0 <= start <= end in whole bytes; got ${start} to ${end}`,
    );
  }
}

/** The part of `range` that lies within an object of this size; all of it without a range. */
export function clampRange(range: ByteRange | undefined, sizeBytes: number): ByteRange {
  if (range === undefined) return { start: 0, end: sizeBytes };
  checkRange(range);
  return { start: Math.min(range.start, sizeBytes), end: Math.min(range.end, sizeBytes) };
}
