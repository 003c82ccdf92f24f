/** Roots of a positive definite matrix by matrix products alone (Newton and Schulz). */

import { type Expression, sizeOf } from './expression.ts';
import { add, constant, divide, matMul, multiply, sqrt, subtract, sum } from './operators.ts';

/** Enough for matrices whose largest eigenvalue is 10^6 times the smallest: the smallest grows 2.25-fold each time. */
const ITERATIONS = 24;

/** The identity [size, size]. */
export function identity(size: number): Expression {
  return constant(
    [size, size],
    Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
  );
}

export interface Roots {
  /** A^(1/2) */
  readonly root: Expression;
  /** A^(-1/2) */
  readonly inverse: Expression;
}

/**
 * Y_0 = A / |A|, Z_0 = I; T = (3 I - Z Y) / 2, Y' = Y T, Z' = T Z; then Y -> (A / |A|)^(1/2), Z -> (A / |A|)^(-1/2)
 * (Higham 2008, Functions of Matrices, equation 6.35: the coupled form, which is stable).
 * @param matrix [n, n], symmetric and positive definite
 */
export function squareRoots(matrix: Expression, iterations = ITERATIONS): Roots {
  const size = matrix.shape[0]!;
  const norm = sqrt(sum(multiply(matrix, matrix)));
  const threeHalves = multiply(identity(size), 1.5);
  let y = divide(matrix, norm);
  let z = identity(size);
  for (let i = 0; i < iterations; i++) {
    const t = subtract(threeHalves, multiply(matMul(z, y), 0.5));
    y = matMul(y, t);
    z = matMul(t, z);
  }
  const scale = sqrt(norm);
  return { root: multiply(y, scale), inverse: divide(z, scale) };
}

/** A + value I */
export const addToDiagonal = (matrix: Expression, value: number): Expression =>
  add(matrix, multiply(identity(Math.sqrt(sizeOf(matrix.shape))), value));
