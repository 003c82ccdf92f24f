/** How sure a measured share is. */

import { wilsonInterval } from '#shared/core/wilson-interval.ts';

export interface Estimate {
  readonly value: number;
  /** 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
  /** Independent units that were measured. */
  readonly n: number;
}

const RESAMPLES = 1_000;

/** The share of successes with its interval. */
export function wilsonEstimate(successes: number, n: number): Estimate {
  const [low, high] = wilsonInterval(successes, n);
  return { value: n === 0 ? Number.NaN : successes / n, low, high, n };
}

/**
 * sum / count over groups that are independent while their members are not; the interval from resampling whole groups
 * (percentile bootstrap, 1,000 times, always the same ones).
 */
export function bootstrapInterval(groups: readonly { readonly sum: number; readonly count: number }[]): Estimate {
  const total = (chosen: readonly { readonly sum: number; readonly count: number }[]) =>
    chosen.reduce((sum, group) => sum + group.sum, 0) / chosen.reduce((sum, group) => sum + group.count, 0);
  const random = mulberry32(1);
  const means = Array.from({ length: RESAMPLES }, () =>
    total(groups.map(() => groups[Math.floor(random() * groups.length)]!)),
  ).sort((a, b) => a - b);
  return {
    value: total(groups),
    low: means[Math.floor(0.025 * RESAMPLES)]!,
    high: means[Math.floor(0.975 * RESAMPLES)]!,
    n: groups.length,
  };
}

/** A small seeded generator of numbers in [0, 1). Source: Tommy Ettinger's mulberry32, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
