/** How sure a measured share is. */

export interface Estimate {
  readonly value: number;
  /** 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
  /** Independent units that were measured. */
  readonly n: number;
}

const Z95 = 1.959964;
const RESAMPLES = 1_000;

/** The share of successes with Wilson's score interval (Wilson 1927), which is honest near 0 and 1. */
export function wilsonInterval(successes: number, n: number): Estimate {
  if (n === 0) return { value: Number.NaN, low: 0, high: 1, n };
  const p = successes / n;
  const z2 = Z95 * Z95;
  const centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z95 / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return { value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half), n };
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
