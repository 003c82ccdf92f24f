/**
 * What a cosine over a bridge means: probability = sigmoid(scale x cosine + bias) that two things belong together, by logistic
 * regression on pairs that were not trained on. As in the spaces of the bundled model, for collections in which one pair in
 * twenty matches.
 */

import { sigmoid } from '#shared/core/probability.ts';
import { dot } from '#shared/core/vector.ts';
import type { Calibration } from '#shared/encoders/space.ts';

/** Share of matches among what a query is compared with. */
const MATCH_PRIOR = 0.05;
/** Fewer pairs say too little. */
const FEWEST_PAIRS = 10;
/** Of other things that each query is compared with. */
const OTHERS = 20;
const NEWTON_STEPS = 50;
/** A smaller slope orders nothing. */
const MIN_SCALE = 0.1;
const BINS = 10;

export interface BridgeCalibration extends Calibration {
  /** Expected calibration error on pairs that it was not fitted on, at the same share of matches. */
  readonly error: number;
}

interface Observation {
  readonly cosine: number;
  readonly match: boolean;
}

/**
 * Each query with its partner, and with some that are not. Half of the pairs measures what the other half says, both ways.
 * @param queries [N, D] of length one @param targets [N, D] @returns undefined for too few pairs
 */
export function calibrateBridge(
  queries: Float32Array,
  targets: Float32Array,
  dimensions: number,
): BridgeCalibration | undefined {
  const count = queries.length / dimensions;
  if (count < FEWEST_PAIRS) return undefined;
  const observe = (query: number, target: number): Observation => ({
    cosine: dot(queries, targets, dimensions, query * dimensions, target * dimensions),
    match: query === target,
  });
  const observed = Array.from({ length: count }, (_, query) =>
    Array.from({ length: Math.min(OTHERS, count - 1) + 1 }, (_unused, i) => observe(query, (query + i) % count)),
  );
  const half = (parity: number) => observed.filter((_, query) => query % 2 === parity).flat();
  const errorOf = (parity: number) => calibrationError(fitLogistic(half(parity)), half(1 - parity));
  return { ...fitLogistic(observed.flat()), error: (errorOf(0) + errorOf(1)) / 2 };
}

/**
 * The scale and bias of greatest likelihood, matches weighing MATCH_PRIOR of the whole, by Newton's method. Targets are
 * those of Platt 1999, (n + 1) / (n + 2) and 1 / (n + 2), so that cosines that tell all apart give no certainty.
 */
export function fitLogistic(observations: readonly Observation[]): Calibration {
  const matches = observations.filter(({ match }) => match).length;
  const others = observations.length - matches;
  const points = observations.map(({ cosine, match }) => ({
    cosine,
    target: match ? (matches + 1) / (matches + 2) : 1 / (others + 2),
    weight: match ? MATCH_PRIOR / matches : (1 - MATCH_PRIOR) / others,
  }));
  let [scale, bias] = [10, -5];
  for (let step = 0; step < NEWTON_STEPS; step++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-9, 0, 1e-9];
    for (const { cosine, target, weight } of points) {
      const p = sigmoid(scale * cosine + bias);
      const slope = weight * p * (1 - p);
      g0 += weight * (p - target) * cosine;
      g1 += weight * (p - target);
      h00 += slope * cosine * cosine;
      h01 += slope * cosine;
      h11 += slope;
    }
    const determinant = h00 * h11 - h01 * h01;
    const move = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant] as const;
    const damping = Math.min(1, 5 / Math.max(Math.abs(move[0]), Math.abs(move[1])));
    scale -= damping * move[0];
    bias -= damping * move[1];
  }
  return scale >= MIN_SCALE ? { scale, bias } : { scale: MIN_SCALE, bias: Math.log(MATCH_PRIOR / (1 - MATCH_PRIOR)) };
}

/** sum_b w_b |matches_b - probability_b| over bins of the probability (Guo et al. 2017, equation 3), weighted as in the fit. */
function calibrationError({ scale, bias }: Calibration, observations: readonly Observation[]): number {
  const matches = observations.filter(({ match }) => match).length;
  const gaps = new Float64Array(BINS);
  for (const { cosine, match } of observations) {
    const p = sigmoid(scale * cosine + bias);
    const weight = match ? MATCH_PRIOR / matches : (1 - MATCH_PRIOR) / (observations.length - matches);
    gaps[Math.min(BINS - 1, Math.floor(p * BINS))]! += weight * (Number(match) - p);
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0);
}
