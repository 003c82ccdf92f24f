/** Rows of vectors as the search sees them: quick estimates of cosines, and the vectors themselves. */

import { dot, row as rowOf } from '#shared/core/vector.ts';
import { createTopRows, offerRow } from './top-rows.ts';

export interface Estimates {
  readonly scores: Float32Array;
  /** No estimate is farther from the true score. */
  readonly greatestError: number;
  /** Hardly any is: several standard deviations of errors in random directions. */
  readonly likelyError: number;
}

export interface VectorRows {
  readonly dimensions: number;
  /** Estimated dot products of `query` [D] with the given rows. */
  estimate(query: Float32Array, rows: Int32Array): Estimates;
  /** Copies the vector of a row to `target` [D]. */
  read(row: number, target: Float32Array): void;
}

export interface ScoredRow {
  readonly row: number;
  readonly vector: Float32Array;
  /** dot(query, vector). */
  readonly score: number;
}

export interface BestRowsOptions {
  /** Exactly the k best; otherwise an error of an estimate above the likely one may cost a row. */
  readonly exact: boolean;
}

/**
 * The k best of the given rows: those whose estimate leaves open that they are among them are read and compared.
 * Best first; equal scores in the order of rows.
 */
export function bestRows(
  vectors: VectorRows,
  query: Float32Array,
  rows: Int32Array,
  k: number,
  options: BestRowsOptions,
): ScoredRow[] {
  if (rows.length === 0 || k <= 0) return [];
  const { scores, greatestError, likelyError } = vectors.estimate(query, rows);
  const error = options.exact ? greatestError : likelyError;
  const top = createTopRows(Math.min(k, rows.length));
  // one row more than is kept: the one that is dropped makes room for the next
  const slots = new Float32Array((top.k + 1) * vectors.dimensions);
  const slotOf = new Map<number, number>();
  let free = 0;
  for (const i of openRows(scores, top.k, error)) {
    if (top.size === top.k && scores[i]! < top.scores[0]! - error) break;
    const row = rows[i]!;
    const vector = rowOf(slots, vectors.dimensions, free);
    vectors.read(row, vector);
    slotOf.set(row, free);
    const dropped = offerRow(top, row, dot(query, vector));
    free = dropped === undefined ? top.size : slotOf.get(dropped)!;
  }
  const found = Array.from({ length: top.size }, (_, i) => {
    const row = top.rows[i]!;
    return { row, score: top.scores[i]!, vector: rowOf(slots, vectors.dimensions, slotOf.get(row)!) };
  });
  return found.sort((a, b) => b.score - a.score || a.row - b.row);
}

/** Places of the scores that may be among the k best when each is off by at most `error`; greatest first. */
function openRows(scores: Float32Array, k: number, error: number): Int32Array {
  const estimated = createTopRows(k);
  for (let i = 0; i < scores.length; i++) offerRow(estimated, i, scores[i]!);
  // the k-th best is at least the k-th estimate less the error, and what reaches that is estimated at most an error lower
  const least = estimated.scores[0]! - 2 * error;
  const open = new Int32Array(scores.length);
  let size = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i]! >= least) open[size++] = i;
  return open.subarray(0, size).sort((a, b) => scores[b]! - scores[a]!);
}
