/** Where changes come in on the machine that works on them: gives each a sequencer, queues it, and knows what is pending. */

import type { Clock } from '#shared/core/clock.ts';
import type { Queue } from '#shared/queue/queue.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { ChangeMessage, SequencedChange } from './change-message.ts';
import { sequencerAfter } from './sequencer.ts';
import { createThroughput } from './throughput.ts';

export interface Backlog {
  /** Changes queued or being worked on. */
  readonly pending: number;
  /** Messages that were given up. */
  readonly dead: number;
  /** Changes finished since the program started. */
  readonly done: number;
  /** Of `done`, those that ended as a failed item. */
  readonly failed: number;
  readonly itemsPerSecond?: number;
  /** Until nothing is pending, at the present rate. */
  readonly secondsLeft?: number;
}

export interface Inbox {
  /** The objects at these keys are new, changed or gone. */
  changed(keys: readonly string[]): Promise<void>;
  /** Hides the item from searches before it resolves. False when the index knew no such item. */
  remove(key: string): Promise<boolean>;
  /** A sequencer for a change of the key: greater than everything the index knows of it. */
  sequencer(key: string): Promise<string>;
  pending(key: string): boolean;
  pendingKeys(): Iterable<string>;
  backlog(): Backlog;
  /** To be called when work on a message has ended. */
  settled(key: string, sequencer: string, outcome: 'done' | 'failed' | 'dead'): void;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
}

export interface InboxDependencies {
  readonly queue: Queue<ChangeMessage>;
  readonly index: VectorIndex;
  readonly clock: Clock;
  /** Gives a greater string at each call. */
  readonly nextSequencer: () => string;
}

export function createInbox(deps: InboxDependencies): Inbox {
  const pending = new Map<string, string>(); // key -> the newest sequencer queued for it
  const throughput = createThroughput(deps.clock);
  let done = 0;
  let failed = 0;
  let dead = 0;
  let idleWaiters: (() => void)[] = [];

  /** Also when the clock has stepped back since. */
  async function sequencer(key: string): Promise<string> {
    const next = deps.nextSequencer();
    const latest = await deps.index.latest(key);
    return latest === undefined || latest.sequencer < next ? next : sequencerAfter(latest.sequencer);
  }

  return {
    changed: async (keys) => {
      const messages: SequencedChange[] = [];
      for (const key of new Set(keys)) {
        const message: SequencedChange = { operation: 'put', key, sequencer: await sequencer(key) };
        pending.set(key, message.sequencer);
        messages.push(message);
      }
      await deps.queue.send(messages);
    },
    remove: async (key) => {
      const existed = (await deps.index.item(key)) !== undefined;
      await deps.index.apply([{ operation: 'delete', key, sequencer: await sequencer(key) }]);
      return existed;
    },
    sequencer,
    pending: (key) => pending.has(key),
    pendingKeys: () => pending.keys(),
    backlog: () => {
      const itemsPerSecond = throughput.perSecond();
      return {
        pending: pending.size,
        dead,
        done,
        failed,
        ...(itemsPerSecond !== undefined && {
          itemsPerSecond,
          secondsLeft: pending.size / Math.max(itemsPerSecond, 1e-3),
        }),
      };
    },
    settled: (key, sequencer, outcome) => {
      if (pending.get(key) === sequencer) pending.delete(key);
      done += 1;
      if (outcome !== 'done') failed += 1;
      if (outcome === 'dead') dead += 1;
      throughput.add(1);
      if (pending.size > 0) return;
      for (const resume of idleWaiters) resume();
      idleWaiters = [];
    },
    idle: async () => {
      if (pending.size > 0) await new Promise<void>((resume) => idleWaiters.push(resume));
    },
  };
}
