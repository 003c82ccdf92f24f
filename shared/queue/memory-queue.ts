/** The in-process queue: what Amazon SQS does, for one process. What is in it is lost with the process; a reconcile finds it again. */

import { type Clock, systemClock } from '#shared/core/clock.ts';
import type { Delivery, Queue } from './queue.ts';

export interface MemoryQueueOptions<Message> {
  readonly clock?: Clock;
  /** A received message that is neither acknowledged nor retried comes again after this. @default 5 minutes */
  readonly visibilityMs?: number;
  /** Deliveries of one message before it goes to the dead letters, at least 1. @default 5 */
  readonly maxAttempts?: number;
  /** Called once with each message whose attempts are spent. */
  readonly onDead?: (message: Message, reason: string, attempts: number) => void;
}

interface Entry<Message> {
  readonly message: Message;
  attempts: number;
  /** Waiting: not delivered before this moment. In flight: comes back at it. In milliseconds since 1970. */
  dueMs: number;
  /** Of its newest delivery; an older delivery can no longer settle it. */
  receipt: symbol | undefined;
}

/** How often a waiting receiver looks at the clock for time-outs and delays; a send wakes it at once. */
const POLL_MS = 50;
const TIMED_OUT = 'it was received and neither acknowledged nor retried in time';

export function createMemoryQueue<Message>(options: MemoryQueueOptions<Message> = {}): Queue<Message> {
  const { clock = systemClock, visibilityMs = 300_000, maxAttempts = 5, onDead = () => {} } = options;
  // Every message is in one of these three; sets keep the order of insertion, so the longest waiting comes first.
  const ready = new Set<Entry<Message>>();
  const delayed = new Set<Entry<Message>>();
  const inFlight = new Set<Entry<Message>>();
  const wakeUps = new Set<() => void>();
  let dead = 0;

  /** Back to the waiting ones, or to the dead letters. */
  function giveBack(entry: Entry<Message>, reason: string, delayMs: number): void {
    inFlight.delete(entry);
    if (entry.attempts >= maxAttempts) {
      dead += 1;
      onDead(entry.message, reason, entry.attempts);
      return;
    }
    entry.dueMs = clock.now() + delayMs;
    (delayMs > 0 ? delayed : ready).add(entry);
    wakeAll();
  }

  /** Moves what has become due by now: delays that are over, and deliveries that nobody has settled in time. */
  function moveDue(): void {
    const nowMs = clock.now();
    for (const entry of inFlight) if (entry.dueMs <= nowMs) giveBack(entry, TIMED_OUT, 0);
    for (const entry of delayed) {
      if (entry.dueMs > nowMs) continue;
      delayed.delete(entry);
      ready.add(entry);
    }
  }

  function take(limit: number): Delivery<Message>[] {
    moveDue();
    const taken: Delivery<Message>[] = [];
    for (const entry of ready) {
      if (taken.length >= limit) break;
      ready.delete(entry);
      inFlight.add(entry);
      taken.push(deliver(entry));
    }
    return taken;
  }

  function deliver(entry: Entry<Message>): Delivery<Message> {
    const receipt = Symbol('receipt');
    entry.receipt = receipt;
    entry.attempts += 1;
    entry.dueMs = clock.now() + visibilityMs;
    const attempt = entry.attempts;
    return {
      message: entry.message,
      attempt,
      acknowledge: async () => {
        if (entry.receipt !== receipt) return; // it was delivered again since: its new receiver decides
        for (const place of [inFlight, ready, delayed]) place.delete(entry); // the work is done, if late
      },
      retry: async (reason, delayMs = 0) => {
        if (entry.receipt === receipt && inFlight.has(entry)) giveBack(entry, reason, delayMs);
      },
    };
  }

  function wakeAll(): void {
    for (const wake of [...wakeUps]) wake();
  }

  /** Until a message was sent or given back, the signal was aborted, or at most `ms` have passed. */
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
      for (const message of messages) ready.add({ message, attempts: 0, dueMs: 0, receipt: undefined });
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
      moveDue();
      return { waiting: ready.size + delayed.size, inFlight: inFlight.size, dead };
    },
  };
}
