/** Vector arithmetic on Float32Array. Matrices are row-major with an explicit shape. */

import { ChiasmError } from './errors.ts';

/** dot(a, b) = sum_d a_d b_d, for rows of D numbers that start at the given offsets. */
export function dot(a: Float32Array, b: Float32Array, dimensions = a.length, aOffset = 0, bOffset = 0): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let d = 0;
  for (; d + 3 < dimensions; d += 4) {
    s0 += a[aOffset + d]! * b[bOffset + d]!;
    s1 += a[aOffset + d + 1]! * b[bOffset + d + 1]!;
    s2 += a[aOffset + d + 2]! * b[bOffset + d + 2]!;
    s3 += a[aOffset + d + 3]! * b[bOffset + d + 3]!;
  }
  for (; d < dimensions; d++) s0 += a[aOffset + d]! * b[bOffset + d]!;
  return s0 + s1 + s2 + s3;
}

/**
 * v / ||v||_2 as a new array [D].
 * @throws ChiasmError `invalid_request` when v is zero or holds a number that is not finite
 */
export function normalize(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(vector, vector));
  if (!Number.isFinite(norm) || norm === 0) {
    throw new ChiasmError(
      'invalid_request',
      `expected a vector of finite numbers that is not zero; its norm is ${norm}`,
    );
  }
  return vector.map((value) => value / norm);
}

/** sum_i weights_i vectors_i, [D]. */
export function weightedSum(vectors: readonly Float32Array[], weights: readonly number[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0);
  vectors.forEach((vector, i) => {
    const weight = weights[i] ?? 0;
    for (let d = 0; d < sum.length; d++) sum[d] = sum[d]! + weight * vector[d]!;
  });
  return sum;
}

/** Row i of a row-major matrix [N, D], as a view. */
export function row(matrix: Float32Array, dimensions: number, i: number): Float32Array {
  return matrix.subarray(i * dimensions, (i + 1) * dimensions);
}
