/** Rows of vectors as the search sees them: quick estimates of cosines, and the vectors themselves. */

import { dot } from '#shared/core/vector.ts';
import { createTopRows, offerRow } from './top-rows.ts';

export interface VectorRows {
  /** Estimated dot products of `query` [D] with the given rows; each is at most `errorBound` away from the true one. */
  estimate(query: Float32Array, rows: Int32Array): { readonly scores: Float32Array; readonly errorBound: number };
  /** The vector of a row [D], a copy. */
  read(row: number): Float32Array;
}

export interface ScoredRow {
  readonly row: number;
  readonly vector: Float32Array;
  /** dot(query, vector). */
  readonly score: number;
}

/**
 * Exactly the k best of the given rows: those whose estimate leaves open that they are among them are read and compared.
 * Best first; equal scores in the order of rows.
 */
export function bestRows(vectors: VectorRows, query: Float32Array, rows: Int32Array, k: number): ScoredRow[] {
  if (rows.length === 0 || k <= 0) return [];
  const { scores, errorBound } = vectors.estimate(query, rows);
  const estimated = createTopRows(Math.min(k, rows.length));
  for (let i = 0; i < rows.length; i++) offerRow(estimated, i, scores[i]!);
  // the k-th best is at least the k-th estimate less the bound, and what reaches that is estimated at most a bound lower
  const open: number[] = [];
  const least = estimated.size < k ? Number.NEGATIVE_INFINITY : estimated.scores[0]! - 2 * errorBound;
  for (let i = 0; i < rows.length; i++) if (scores[i]! >= least) open.push(i);
  open.sort((a, b) => scores[b]! - scores[a]!);
  const top = createTopRows(estimated.k);
  const read = new Map<number, Float32Array>();
  for (const i of open) {
    if (top.size === top.k && scores[i]! < top.scores[0]! - errorBound) break;
    const vector = vectors.read(rows[i]!);
    read.set(rows[i]!, vector);
    offerRow(top, rows[i]!, dot(query, vector));
  }
  return Array.from({ length: top.size }, (_, i) => {
    const row = top.rows[i]!;
    return { row, score: top.scores[i]!, vector: read.get(row)! };
  }).sort((a, b) => b.score - a.score || a.row - b.row);
}
