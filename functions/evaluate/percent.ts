/** Shares as people read them. */

import type { Estimate } from './confidence-interval.ts';

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function percentWithInterval({ value, low, high }: Estimate): string {
  return `${percent(value)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}
