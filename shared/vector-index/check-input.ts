/** What callers hand to the index, checked before anything is stored or searched. */

import type { Change } from '#shared/catalog/item.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import { dot } from '#shared/core/vector.ts';
import { changeSizeBytes } from './delta.ts';
import type { VectorQuery } from './vector-index.ts';

/** One delta's bound: it is held in memory by every reader until it is folded. */
export const MAX_DELTA_BYTES = 64 * 1024 * 1024;
/** Half precision and summation order move the length of a normalised vector by less than this. */
const NORM_TOLERANCE = 0.01;
const MAX_LIMIT = 100_000;

/** @throws ChiasmError naming the key and the reason; nothing of the batch may be stored then */
export function checkChanges(changes: readonly Change[], dimensions: number): void {
  let sizeBytes = 0;
  for (const change of changes) {
    const { key, sequencer } = change.operation === 'put' ? change.item : change;
    parseObjectKey(key);
    if (sequencer === '') throw new ChiasmError('invalid_request', `"${key}": expected a sequencer, got ""`);
    if (change.operation === 'put') {
      change.parts.forEach(({ vector }, i) => {
        if (vector !== undefined) checkVector(vector, dimensions, `"${key}", part ${i}`);
      });
    }
    sizeBytes += changeSizeBytes(change, dimensions);
  }
  if (sizeBytes > MAX_DELTA_BYTES) {
    throw new ChiasmError(
      'too_large',
      `expected at most ${MAX_DELTA_BYTES} bytes of changes in one batch, got about ${sizeBytes}; apply them in smaller batches`,
    );
  }
}

/** @throws ChiasmError `invalid_request` */
export function checkQuery(query: VectorQuery, dimensions: number): void {
  checkVector(query.vector, dimensions, 'the query');
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > MAX_LIMIT) {
    throw new ChiasmError('invalid_request', `expected a limit from 1 to ${MAX_LIMIT}, got ${query.limit}`);
  }
}

function checkVector(vector: Float32Array, dimensions: number, owner: string): void {
  if (vector.length !== dimensions) {
    throw new ChiasmError('invalid_request', `${owner}: expected ${dimensions} dimensions, got ${vector.length}`);
  }
  const norm = Math.sqrt(dot(vector, vector));
  if (!(Math.abs(norm - 1) <= NORM_TOLERANCE)) {
    throw new ChiasmError(
      'invalid_request',
      `${owner}: expected a normalised vector of finite numbers, its norm is ${norm}`,
    );
  }
}
