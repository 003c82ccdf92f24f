/** How fast work is done, over a sliding window, and when it will be over. */

import type { Clock } from '#shared/core/clock.ts';

export interface Throughput {
  add(items: number): void;
  /** Items a second over the window; undefined until two moments are known. */
  perSecond(): number | undefined;
}

export function createThroughput(clock: Clock, windowMs = 10_000): Throughput {
  const moments: { atMs: number; items: number }[] = [];
  const forget = () => {
    while (moments.length > 0 && clock.now() - moments[0]!.atMs > windowMs) moments.shift();
  };
  return {
    add: (items) => {
      moments.push({ atMs: clock.now(), items });
      forget();
    },
    perSecond: () => {
      forget();
      const first = moments[0];
      if (first === undefined || moments.length < 2) return undefined;
      const elapsedSeconds = (clock.now() - first.atMs) / 1000;
      const items = moments.slice(1).reduce((sum, moment) => sum + moment.items, 0);
      return elapsedSeconds > 0 ? items / elapsedSeconds : undefined;
    },
  };
}
