/**
 * Waiting until lines have caught up with the spaces that answer: the moment at which what was built may take over.
 * Something always happens in between, so what was found to be so is acted on in the same turn, or found out again.
 */

import type { LineSet, SpaceLine } from './space-line.ts';

/** What happens to the spaces of a process, for whoever waits for the next change. */
export interface Activity {
  happened(): void;
  /** Events so far. */
  readonly count: number;
  /** Resolves at the next event. */
  next(): Promise<void>;
}

export function createActivity(): Activity {
  let count = 0;
  let waiting = Promise.withResolvers<void>();
  return {
    happened: () => {
      count += 1;
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
    get count() {
      return count;
    },
    next: () => waiting.promise,
  };
}

export interface CatchUpDependencies {
  /** The spaces that answer. */
  live(): LineSet;
  readonly activity: Activity;
  /** Whether a settled key is on its way to the spaces that follow. */
  isHandingOver(): boolean;
}

/** Calls `act` at a moment when the lines lack nothing that the live spaces show; false when `signal` was aborted first. */
export type UntilCaughtUp = (lines: readonly SpaceLine[], signal: AbortSignal, act?: () => void) => Promise<boolean>;

/** Pending changes are looked at one by one once they are this few. */
const FEW_CHANGES = 1_000;

export function createCatchUp({ live, activity, isHandingOver }: CatchUpDependencies): UntilCaughtUp {
  /** Differs whenever a live space shows something else, or something was queued or settled. */
  const stamp = () => {
    const states = live().members.map(({ index }) => index.statistics());
    return [activity.count, ...states.flatMap(({ generation, deltas }) => [generation, deltas])].join();
  };

  const whenCaughtUp = async (lines: readonly SpaceLine[], act: () => void): Promise<boolean> => {
    for (;;) {
      const before = stamp();
      if (isHandingOver()) return false;
      for (const { inbox } of lines) {
        if (inbox.backlog().pending > FEW_CHANGES) return false;
        for (const key of inbox.pendingKeys()) {
          if ((await live().members[0].index.latest(key))?.operation === 'put') return false;
        }
      }
      if (stamp() !== before) continue;
      act();
      return true;
    }
  };

  return async (lines, signal, act = () => {}) => {
    while (!signal.aborted) {
      const change = activity.next();
      if (await whenCaughtUp(lines, act)) return true;
      await change;
    }
    return false;
  };
}
