/** The objective of deep canonical correlation analysis, with the gradient of its paper (Andrew et al. 2013, section 3). */

import type { Expression } from '../graph/expression.ts';
import { addToDiagonal, identity, squareRoots } from '../graph/inverse-square-root.ts';
import { mean } from '../graph/layers.ts';
import { add, divide, matMul, multiply, negate, stopGradient, subtract, sum } from '../graph/operators.ts';

/** Keeps the root of T'T defined where dimensions are not correlated at all: a correlation of 0 counts as 10^-3. */
const SMALLEST_SQUARE = 1e-6;

/**
 * corr(H1, H2) = ||T||_tr, T = S11^(-1/2) S12 S22^(-1/2), where S11 = H1' H1 / (B - 1) + r I of centred H1, and so on:
 * the sum of the canonical correlations, at most d.
 * @param h1 [B, d] @param h2 [B, d] @param regularisation r, in the units of a variance
 */
export function totalCorrelation(h1: Expression, h2: Expression, regularisation: number): Expression {
  const [rows, size] = h1.shape as [number, number];
  const covariance = (a: Expression, b: Expression) => divide(matMul(a, b, { transposeLeft: true }), rows - 1);
  const x = subtract(h1, mean(h1, [0]));
  const y = subtract(h2, mean(h2, [0]));
  const s11 = addToDiagonal(covariance(x, x), regularisation);
  const s22 = addToDiagonal(covariance(y, y), regularisation);
  const s12 = covariance(x, y);

  const white1 = squareRoots(stopGradient(s11)).inverse;
  const white2 = squareRoots(stopGradient(s22)).inverse;
  const t = matMul(matMul(white1, stopGradient(s12)), white2);
  const { root, inverse } = squareRoots(addToDiagonal(matMul(t, t, { transposeLeft: true }), SMALLEST_SQUARE));
  const correlation = sum(multiply(root, identity(size)));

  // With T = U D V': U V' = T (T'T)^(-1/2). The paper's equations 11 to 13: the derivatives by S12, S11 and S22.
  const uv = matMul(t, inverse);
  const by12 = matMul(matMul(white1, uv), white2);
  const by11 = matMul(matMul(white1, matMul(uv, t, { transposeRight: true })), white1);
  const by22 = matMul(matMul(white2, matMul(t, uv, { transposeLeft: true })), white2);
  const slope = subtract(inner(by12, s12), multiply(add(inner(by11, s11), inner(by22, s22)), 0.5));
  // the value of the correlation with the gradient of `slope`
  return add(stopGradient(subtract(correlation, slope)), slope);
}

/** sum_ij a_ij b_ij, where `a` is not differentiated. */
const inner = (a: Expression, b: Expression): Expression => sum(multiply(stopGradient(a), b));

export const correlationObjective = (h1: Expression, h2: Expression, regularisation: number): Expression =>
  negate(totalCorrelation(h1, h2, regularisation));
