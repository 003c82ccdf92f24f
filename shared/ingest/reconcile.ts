/**
 * Compares the media store with the index and names the keys that differ: how an existing bucket is brought in, how
 * lost events heal, and how work goes on after a kill. Both sides come sorted, so memory does not grow with them.
 */

import { compareKeys } from '#shared/core/compare-keys.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

export interface Difference {
  readonly operation: 'put' | 'delete';
  readonly key: string;
}

/** Every key whose object is new, changed (another etag) or gone, in ascending order of keys. */
export async function* reconcile(
  mediaStore: { list(): AsyncIterable<{ readonly key: string; readonly etag: string }> },
  index: Pick<VectorIndex, 'etags'>,
): AsyncGenerator<Difference> {
  const objects = mediaStore.list()[Symbol.asyncIterator]();
  const indexed = index.etags()[Symbol.asyncIterator]();
  let object = await objects.next();
  let known = await indexed.next();
  while (!object.done || !known.done) {
    const order = object.done ? 1 : known.done ? -1 : compareKeys(object.value.key, known.value.key);
    if (order < 0) {
      yield { operation: 'put', key: object.value!.key };
    } else if (order > 0) {
      yield { operation: 'delete', key: known.value!.key };
    } else if (object.value!.etag !== known.value!.etag) {
      yield { operation: 'put', key: object.value!.key };
    }
    if (order <= 0) object = await objects.next();
    if (order >= 0) known = await indexed.next();
  }
}
