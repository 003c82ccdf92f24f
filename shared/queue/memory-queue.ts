/** The in-process queue: what Amazon SQS does, for one process. What is in it is lost with the process; a reconcile finds it again. */

import { type Clock, systemClock } from '#shared/core/clock.ts';
import type { Delivery, Queue } from './queue.ts';

export interface MemoryQueueOptions<Message> {
  readonly clock?: Clock;
  /** A received message that is neither acknowledged nor retried comes again after this. Longer than a batch of work takes. */
  readonly visibilityMs: number;
  /** Deliveries of one message before it goes to the dead letters, at least 1. */
  readonly maxAttempts: number;
  /** Called once with each message whose attempts are spent. */
  readonly onDead?: (message: Message, reason: string, attempts: number) => void;
}

interface Entry<Message> {
  readonly message: Message;
  attempts: number;
  /** Not delivered before this moment, in milliseconds since 1970. */
  visibleAtMs: number;
  /** Set while it is in somebody's hands; a delivery that is older than the newest one can no longer settle it. */
  receipt: symbol | undefined;
}

/** How often a waiting receiver looks at the clock for time-outs and delays; a send wakes it at once. */
const POLL_MS = 50;
const TIMED_OUT = 'it was received and neither acknowledged nor retried in time';

export function createMemoryQueue<Message>(options: MemoryQueueOptions<Message>): Queue<Message> {
  const { clock = systemClock, visibilityMs, maxAttempts, onDead = () => {} } = options;
  /** Live entries; a settled one is deleted, so iteration meets the oldest message first. */
  const entries = new Set<Entry<Message>>();
  const wakeUps = new Set<() => void>();
  let dead = 0;

  function bury(entry: Entry<Message>, reason: string): void {
    entries.delete(entry);
    dead += 1;
    onDead(entry.message, reason, entry.attempts);
  }

  /** Messages whose receiver has not settled them in time are waiting again, or dead. */
  function expire(nowMs: number): void {
    for (const entry of entries) {
      if (entry.receipt === undefined || entry.visibleAtMs > nowMs) continue;
      entry.receipt = undefined;
      if (entry.attempts >= maxAttempts) bury(entry, TIMED_OUT);
    }
  }

  function take(limit: number): Delivery<Message>[] {
    const nowMs = clock.now();
    expire(nowMs);
    const taken: Delivery<Message>[] = [];
    for (const entry of entries) {
      if (taken.length >= limit) break;
      if (entry.receipt === undefined && entry.visibleAtMs <= nowMs) taken.push(deliver(entry, nowMs));
    }
    return taken;
  }

  function deliver(entry: Entry<Message>, nowMs: number): Delivery<Message> {
    const receipt = Symbol('receipt');
    entry.receipt = receipt;
    entry.attempts += 1;
    entry.visibleAtMs = nowMs + visibilityMs;
    const isHeld = () => entries.has(entry) && entry.receipt === receipt;
    return {
      message: entry.message,
      attempt: entry.attempts,
      acknowledge: async () => {
        // The work is done even if the time was up meanwhile; the message goes unless it is in another's hands.
        if (isHeld() || entry.receipt === undefined) entries.delete(entry);
      },
      retry: async (reason, delayMs = 0) => {
        if (!isHeld()) return;
        entry.receipt = undefined;
        entry.visibleAtMs = clock.now() + delayMs;
        if (entry.attempts >= maxAttempts) bury(entry, reason);
        else wakeAll();
      },
    };
  }

  function wakeAll(): void {
    for (const wake of [...wakeUps]) wake();
  }

  /** Until a message was sent or retried, the signal was aborted, or at most `ms` have passed. */
  function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        wakeUps.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakeUps.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  return {
    async send(messages) {
      const visibleAtMs = clock.now();
      for (const message of messages) entries.add({ message, attempts: 0, visibleAtMs, receipt: undefined });
      wakeAll();
    },
    async receive({ limit, waitMs, signal }) {
      const startMs = performance.now();
      while (!signal?.aborted) {
        const taken = take(limit);
        const leftMs = waitMs - (performance.now() - startMs);
        if (taken.length > 0 || leftMs <= 0) return taken;
        await pause(Math.min(leftMs, POLL_MS), signal);
      }
      return [];
    },
    async depth() {
      expire(clock.now());
      const inFlight = [...entries].filter((entry) => entry.receipt !== undefined).length;
      return { waiting: entries.size - inFlight, inFlight, dead };
    },
  };
}
