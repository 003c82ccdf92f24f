/** What training makes small. Each is a scalar of shape [] or of one element. */

import type { Expression } from './expression.ts';
import { logSoftmax, mean } from './layers.ts';
import { add, divide, log, maximum, multiply, negate, softplus, sqrt, subtract, sum } from './operators.ts';

/** -sum_i w_i sum_k y_ik log softmax(z_i)_k / B. @param logits [B, K] @param targets [B, K], rows sum to 1 @param weights [B, 1], of the rows */
export function crossEntropy(logits: Expression, targets: Expression, weights?: Expression): Expression {
  const rows = sum(multiply(targets, logSoftmax(logits)), [1]);
  return negate(mean(weights === undefined ? rows : multiply(weights, rows)));
}

/** mean of log(1 + exp z) - y z: of independent yes-or-no questions. @param targets in [0, 1], shaped as `logits` */
export const binaryCrossEntropy = (logits: Expression, targets: Expression): Expression =>
  mean(subtract(softplus(logits), multiply(targets, logits)));

/** mean (x - y)^2 */
export function squaredError(x: Expression, y: Expression): Expression {
  const difference = subtract(x, y);
  return mean(multiply(difference, difference));
}

/**
 * L = -sum_i rho_i log(u_i . v_i / (|u_i| |v_i|)): the correlation loss of the two representations.
 * @param u [B, d] and `v` [B, d]: column i is latent dimension i in either modality, centred @param rho [1, d], weights (singular values)
 * A cosine below 1e-4 counts as 1e-4 with the slope of the logarithm there, so that opposed columns come round.
 */
export function correlationLoss(u: Expression, v: Expression, rho: Expression): Expression {
  const length = (x: Expression) => sqrt(add(sum(multiply(x, x), [0]), 1e-12));
  const cosine = divide(sum(multiply(u, v), [0]), multiply(length(u), length(v)));
  return negate(sum(multiply(rho, steepLog(cosine, SMALLEST_COSINE))));
}

const SMALLEST_COSINE = 1e-4;

/** log x where x > floor; below it the tangent there. */
function steepLog(x: Expression, floor: number): Expression {
  const above = log(maximum(x, floor));
  const below = multiply(subtract(x, maximum(x, floor)), 1 / floor);
  return add(above, below);
}

/** sum_t L_t: the objective of hard parameter sharing, where the tasks' networks have parameters in common. */
export const sumOfLosses = (losses: readonly Expression[]): Expression =>
  losses.reduce((total, loss) => add(total, loss));

/** y = sum_m alpha_m f_m(x_m): decisions of the modalities, weighed. @param decisions [B, K] each @param alpha [1, M] or [B, M] */
export function weightedFusion(decisions: readonly Expression[], alphas: readonly Expression[]): Expression {
  return sumOfLosses(decisions.map((decision, m) => multiply(alphas[m]!, decision)));
}
