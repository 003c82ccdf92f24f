/** Recall of the live index: what share of the exact answer the planned search finds. */

import { setImmediate } from 'node:timers/promises';
import type { Filter } from '#shared/catalog/filter.ts';
import { wilsonInterval } from '#shared/core/wilson-interval.ts';
import type { VectorAnswer, VectorIndex } from './vector-index.ts';

export interface RecallOptions {
  readonly filter?: Filter;
  /** Queries: vectors of parts drawn at random from the whole index. @default 50 */
  readonly samples?: number;
  /** @default 10 */
  readonly k?: number;
  readonly random?: () => number;
}

export interface RecallEstimate {
  /** Mean of found / possible over the queries; 1 when there is nothing to find. */
  readonly recall: number;
  /** Queries that had something to find: fewer than asked in a small index, none under a filter that nothing passes. */
  readonly samples: number;
  readonly k: number;
  /** `graph` when any query walked it; otherwise the answers are exact by construction. */
  readonly plan: VectorAnswer['plan'];
  /** 95 % Wilson score interval of `recall`. */
  readonly confidenceInterval: readonly [number, number];
}

/** A found part counts when its score reaches the k-th exact one, so that equal scores cannot lower the estimate. */
const SCORE_TOLERANCE = 1e-6;

export async function measureRecall(
  index: Pick<VectorIndex, 'sampleVectors' | 'searchVectors'>,
  options: RecallOptions = {},
): Promise<RecallEstimate> {
  const { filter, samples = 50, k = 10, random = Math.random } = options;
  const queries = await index.sampleVectors(samples, random);
  let found = 0;
  let possible = 0;
  let answered = 0;
  let plan: VectorAnswer['plan'] = 'exact';
  for (const vector of queries) {
    const query = { vector, limit: k, ...(filter === undefined ? {} : { filter }) };
    const planned = await index.searchVectors(query);
    if (planned.plan === 'graph') plan = 'graph';
    const exact = planned.plan === 'exact' ? planned : await index.searchVectors({ ...query, exact: true });
    const bound = (exact.hits.at(-1)?.score ?? 0) - SCORE_TOLERANCE;
    found += planned.hits.filter(({ score }) => score >= bound).length;
    possible += exact.hits.length;
    if (exact.hits.length > 0) answered++;
    await setImmediate(); // an exact scan of a large index takes tens of milliseconds: let requests in between
  }
  const recall = possible === 0 ? 1 : found / possible;
  return { recall, samples: answered, k, plan, confidenceInterval: wilsonInterval(found, possible) };
}
