/**
 * Keeps a function's copy of the index near the newest state. A function is frozen between requests, so nothing can be done
 * in the background: a request looks for news when the last look is too long ago, and waits for it only so long.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#shared/core/clock.ts';

export interface FollowOptions {
  /** An answer may be this much older than the newest state. @default 2 seconds */
  readonly maxAgeMs?: number;
  /**
   * A look takes a few requests of the store; a new generation has to be fetched, and what is known is served meanwhile.
   * @default 1.5 seconds
   */
  readonly maxWaitMs?: number;
}

/** @param look takes in what is new; a failure is its own to report @returns to be awaited before a request is answered */
export function createFollower(
  look: () => Promise<void>,
  clock: Clock,
  { maxAgeMs = 2_000, maxWaitMs = 1_500 }: FollowOptions = {},
): () => Promise<void> {
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  return async () => {
    const startMs = clock.now();
    if (looking === undefined && startMs - lookedAtMs < maxAgeMs) return;
    looking ??= look().finally(() => {
      lookedAtMs = startMs;
      looking = undefined;
    });
    await Promise.race([looking, sleep(maxWaitMs)]);
  };
}
