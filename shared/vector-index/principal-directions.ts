/**
 * The few directions in which vectors of a collection differ most, and how many of them are enough to find neighbours by.
 * A graph over the projections P x is several times smaller and faster than one over x; what it finds is compared by the
 * full vectors. Dot products need no centring, so these are the eigenvectors of the second moment X^T X.
 */

import { dot, row } from '#shared/core/vector.ts';
import { createFloatRows } from './float-rows.ts';

/** Directions are added in steps of this many. */
const STEP = 64;
const MAX_DIRECTIONS = 512;
/** Rows that the directions are computed from, and rows and queries that they are tried on. */
const MOMENT_ROWS = 2048;
/** From here on a larger collection of the same kind gets the same directions. */
export const TRIAL_ROWS = 16_384;
const TRIAL_QUERIES = 40;
/** The k nearest of the trial must be among this many nearest by projection, for this share of them. */
const TRIAL_K = 10;
const TRIAL_DEPTH = 40;
const TRIAL_RECALL = 0.995;
const ITERATIONS = 8;

/** Below this many rows a graph over the vectors themselves is small, and directions would be a guess. */
export const MIN_ROWS_TO_PROJECT = 4096;

/**
 * Orthonormal directions P [d, D] with the smallest d that loses no neighbours in a trial on the collection itself;
 * undefined when no d up to D / 2 does. `read` gives row i of `count` rows [D].
 */
export function principalDirections(
  count: number,
  dimensions: number,
  read: (i: number) => Float32Array,
): Float32Array | undefined {
  const most = Math.min(MAX_DIRECTIONS, Math.floor(dimensions / 2 / STEP) * STEP);
  if (count < MIN_ROWS_TO_PROJECT || most === 0) return undefined;
  const moment = secondMoment(spread(count, MOMENT_ROWS), dimensions, read);
  const directions = eigenvectors(moment, dimensions, most);
  const enough = directionsNeeded(count, dimensions, read, directions);
  return enough === undefined ? undefined : directions.slice(0, enough * dimensions);
}

/** At most `wanted` numbers below `count`, evenly spread. */
function spread(count: number, wanted: number, phase = 0): number[] {
  const size = Math.min(count, wanted);
  return Array.from({ length: size }, (_, i) => Math.floor(((i + phase) * count) / size));
}

/** X^T X / N, [D, D], of the given rows. */
function secondMoment(rows: readonly number[], dimensions: number, read: (i: number) => Float32Array): Float32Array {
  const columns = Array.from({ length: dimensions }, () => new Float32Array(rows.length));
  rows.forEach((i, place) => {
    const vector = read(i);
    for (let d = 0; d < dimensions; d++) columns[d]![place] = vector[d]!;
  });
  const matrix = createFloatRows(rows.length, dimensions);
  for (const column of columns) matrix.add(column);
  const moment = new Float32Array(dimensions * dimensions);
  columns.forEach((column, d) => {
    moment.set(
      matrix.products(column).map((product) => product / rows.length),
      d * dimensions,
    );
  });
  return moment;
}

/**
 * The first `count` eigenvectors of a symmetric matrix [D, D], by falling eigenvalue: orthogonal iteration.
 * Source: Golub and Van Loan, "Matrix Computations", 4th edition, algorithm 8.2.4.
 */
export function eigenvectors(symmetric: Float32Array, dimensions: number, count: number): Float32Array {
  const matrix = createFloatRows(dimensions, dimensions);
  for (let d = 0; d < dimensions; d++) matrix.add(row(symmetric, dimensions, d));
  // any start does that is not orthogonal to an eigenvector: fixed bits without a pattern
  let vectors = Float32Array.from({ length: count * dimensions }, (_, i) => scattered(i) - 0.5);
  for (let i = 0; i < ITERATIONS; i++) {
    const next = new Float32Array(count * dimensions);
    for (let k = 0; k < count; k++) next.set(matrix.products(row(vectors, dimensions, k)), k * dimensions);
    orthonormalise(next, dimensions, count, i === ITERATIONS - 1 ? 2 : 1);
    vectors = next;
  }
  return vectors;
}

/** A number in [0, 1) for each i: the finalizer of MurmurHash3 (Appleby 2011). */
function scattered(i: number): number {
  let hash = Math.imul(i + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Rows [count, D] in place, by Gram and Schmidt, the last time twice for accuracy; a dependent row becomes zero. */
function orthonormalise(rows: Float32Array, dimensions: number, count: number, passes: number): void {
  const done = createFloatRows(dimensions, count);
  for (let k = 0; k < count; k++) {
    const vector = row(rows, dimensions, k);
    const before = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < passes; pass++) {
      const along = done.products(vector);
      for (let j = 0; j < k; j++) {
        for (let d = 0; d < dimensions; d++) vector[d]! -= along[j]! * rows[j * dimensions + d]!;
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    const inverse = norm > before * 1e-5 ? 1 / norm : 0;
    for (let d = 0; d < dimensions; d++) vector[d]! *= inverse;
    done.add(vector);
  }
}

/** The smallest number of the first directions that keep the neighbours in a trial. */
function directionsNeeded(
  count: number,
  dimensions: number,
  read: (i: number) => Float32Array,
  directions: Float32Array,
): number | undefined {
  const projection = createFloatRows(dimensions, directions.length / dimensions);
  for (let at = 0; at < directions.length; at += dimensions) projection.add(directions.subarray(at, at + dimensions));
  const rows = spread(count, TRIAL_ROWS);
  const full = createFloatRows(dimensions, rows.length);
  const projected = rows.map((i) => {
    const vector = read(i);
    full.add(vector);
    return projection.products(vector);
  });
  const queries = spread(rows.length, TRIAL_QUERIES, 0.5).map((place) => {
    const nearest = greatest(full.products(read(rows[place]!)), TRIAL_K + 1).filter((other) => other !== place);
    return { place, nearest: nearest.slice(0, TRIAL_K), scores: new Float32Array(rows.length) };
  });
  for (let from = 0; from < projection.rows; from += STEP) {
    let found = 0;
    for (const { place, nearest, scores } of queries) {
      const query = projected[place]!.subarray(from, from + STEP);
      projected.forEach((other, i) => {
        scores[i]! += dot(query, other, STEP, 0, from);
      });
      const depth = new Set(greatest(scores, TRIAL_DEPTH + 1));
      found += nearest.filter((i) => depth.has(i)).length;
    }
    if (found >= TRIAL_RECALL * TRIAL_K * queries.length) return from + STEP;
  }
  return undefined;
}

/** Places of the k greatest scores. */
function greatest(scores: Float32Array, k: number): number[] {
  const bound = Float32Array.from(scores).sort().at(-k) ?? Number.NEGATIVE_INFINITY;
  return [...scores.keys()].filter((i) => scores[i]! >= bound);
}
