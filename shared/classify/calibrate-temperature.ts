/** Temperature scaling: probabilities softmax(z / T) that mean what they say. Guo et al. 2017, section 4.2. */

import { softmax } from '#shared/core/probability.ts';

/** Bounds of log T: beyond them a classifier knows nothing, or everything. */
const LOG_RANGE = [-3, 3] as const;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const SECTIONS = 40;

/**
 * The T that gives the labels the greatest likelihood; 1 without labelled rows. The loss is convex in 1 / T, so that
 * golden sections find it.
 * @param logits [n, K] @param labels [n], -1 where there is none
 */
export function fitTemperature(logits: Float32Array, K: number, labels: ArrayLike<number>): number {
  const rows = Array.from({ length: labels.length }, (_, i) => i).filter((i) => labels[i]! >= 0);
  if (rows.length === 0) return 1;
  const loss = (logT: number) =>
    rows.reduce((sum, i) => {
      const probabilities = probabilitiesOf(logits.subarray(i * K, (i + 1) * K), Math.exp(logT));
      return sum - Math.log(Math.max(probabilities[labels[i]!]!, 1e-12));
    }, 0);
  let [low, high] = LOG_RANGE as readonly [number, number];
  for (let i = 0; i < SECTIONS; i++) {
    const left = high - GOLDEN * (high - low);
    const right = low + GOLDEN * (high - low);
    if (loss(left) < loss(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/** softmax(z / T), [K]. */
export function probabilitiesOf(logits: Float32Array, temperature: number): Float64Array {
  return softmax(Float64Array.from(logits, (logit) => logit / temperature));
}
