/** Temperature scaling: probabilities softmax(z / T) that mean what they say. Guo et al. 2017, section 4.2. */

import { softmax } from '#shared/core/probability.ts';

/** Bounds of log T: beyond them a classifier knows nothing, or everything. */
const LOG_RANGE = [-3, 3] as const;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const SECTIONS = 40;
/** Enough where only the loss is wanted, which is flat around its minimum. */
const COARSE_SECTIONS = 12;
/** More rows do not make that temperature any better. */
const COARSE_ROWS = 1_000;

/**
 * The T that gives the labels the greatest likelihood; 1 without labelled rows. The loss is convex in 1 / T, so that
 * golden sections find it.
 * @param logits [n, K] @param labels [n], -1 where there is none
 */
export function fitTemperature(
  logits: Float32Array,
  K: number,
  labels: ArrayLike<number>,
  { sections = SECTIONS } = {},
): number {
  const rows = labelledRows(labels);
  if (rows.length === 0) return 1;
  const loss = (logT: number) => meanLoss(logits, K, labels, rows, Math.exp(logT));
  let [low, high] = LOG_RANGE as readonly [number, number];
  for (let i = 0; i < sections; i++) {
    const left = high - GOLDEN * (high - low);
    const right = low + GOLDEN * (high - low);
    if (loss(left) < loss(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/**
 * The mean negative log likelihood at the best T: what a network knows, however sure of itself it is; 0 without labelled rows.
 * @param logits [n, K] @param labels [n], -1 where there is none
 */
export function calibratedLoss(logits: Float32Array, K: number, labels: ArrayLike<number>): number {
  const rows = labelledRows(labels);
  if (rows.length === 0) return 0;
  const some = Array.from({ length: Math.min(COARSE_ROWS, labels.length) }, (_, i) => labels[i]!);
  const temperature = fitTemperature(logits, K, some, { sections: COARSE_SECTIONS });
  return meanLoss(logits, K, labels, rows, temperature);
}

const labelledRows = (labels: ArrayLike<number>): number[] =>
  Array.from({ length: labels.length }, (_, i) => i).filter((i) => labels[i]! >= 0);

function meanLoss(
  logits: Float32Array,
  K: number,
  labels: ArrayLike<number>,
  rows: readonly number[],
  temperature: number,
): number {
  const total = rows.reduce((sum, i) => {
    const probabilities = probabilitiesOf(logits.subarray(i * K, (i + 1) * K), temperature);
    return sum - Math.log(Math.max(probabilities[labels[i]!]!, 1e-12));
  }, 0);
  return total / rows.length;
}

/** softmax(z / T), [K]. */
export function probabilitiesOf(logits: Float32Array, temperature: number): Float64Array {
  return softmax(Float64Array.from(logits, (logit) => logit / temperature));
}
