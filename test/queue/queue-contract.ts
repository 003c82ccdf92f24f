/** What every queue must do. The clock is the adapter's own; `advance` moves it past time-outs and delays. */

import { describe, expect, it } from 'vitest';
import type { Delivery, Queue } from '#shared/queue/queue.ts';

export interface QueueUnderTest {
  readonly queue: Queue<string>;
  advance(ms: number): Promise<void> | void;
  /** Messages that went to the dead letters, with their reasons, in any order. */
  dead(): Promise<readonly { message: string; reason: string }[]> | readonly { message: string; reason: string }[];
}

export interface QueueSettings {
  readonly visibilityMs: number;
  readonly maxAttempts: number;
}

const SETTINGS: QueueSettings = { visibilityMs: 10_000, maxAttempts: 3 };
const NOW = { waitMs: 0 };

export function describeQueue(
  name: string,
  create: (settings: QueueSettings) => Promise<QueueUnderTest> | QueueUnderTest,
) {
  describe(`${name} as a queue`, () => {
    it('delivers every message that was sent, and no more than the limit at once', async () => {
      const { queue } = await create(SETTINGS);
      const sent = Array.from({ length: 25 }, (_, i) => `m${i}`);
      await queue.send(sent);
      const received: string[] = [];
      for (;;) {
        const deliveries = await queue.receive({ limit: 10, ...NOW });
        expect(deliveries.length).toBeLessThanOrEqual(10);
        if (deliveries.length === 0) break;
        for (const delivery of deliveries) received.push(delivery.message);
      }
      expect(received.sort()).toEqual(sent.sort());
    });

    it('does not deliver a message again while it is in flight, nor after it was acknowledged', async () => {
      const { queue, advance } = await create(SETTINGS);
      await queue.send(['a']);
      const delivery = await receiveOne(queue);
      expect(delivery.attempt).toBe(1);
      await advance(SETTINGS.visibilityMs - 1);
      expect(await queue.receive({ limit: 1, ...NOW })).toEqual([]);
      await delivery.acknowledge();
      await advance(SETTINGS.visibilityMs * 2);
      expect(await queue.receive({ limit: 1, ...NOW })).toEqual([]);
      expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
    });

    it('delivers a message again when its receiver has died', async () => {
      const { queue, advance } = await create(SETTINGS);
      await queue.send(['a']);
      await receiveOne(queue);
      await advance(SETTINGS.visibilityMs);
      expect(await receiveOne(queue)).toMatchObject({ message: 'a', attempt: 2 });
    });

    it('lets a late receiver neither retry nor remove what another one has by now', async () => {
      const { queue, advance } = await create(SETTINGS);
      await queue.send(['a']);
      const late = await receiveOne(queue);
      await advance(SETTINGS.visibilityMs);
      const current = await receiveOne(queue);
      await late.retry('too late');
      await late.acknowledge();
      expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 1, dead: 0 });
      await current.acknowledge();
      expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
    });

    it('delivers a retried message after its delay and not before', async () => {
      const { queue, advance } = await create(SETTINGS);
      await queue.send(['a']);
      await (await receiveOne(queue)).retry('busy', 5_000);
      const { waiting, inFlight, dead } = await queue.depth();
      expect([waiting + inFlight, dead]).toEqual([1, 0]); // a delay hides the message, which SQS counts as in flight
      await advance(4_999);
      expect(await queue.receive({ limit: 1, ...NOW })).toEqual([]);
      await advance(1);
      expect(await receiveOne(queue)).toMatchObject({ message: 'a', attempt: 2 });
    });

    it('delivers a retried message at once without a delay', async () => {
      const { queue } = await create(SETTINGS);
      await queue.send(['a']);
      await (await receiveOne(queue)).retry('again');
      expect(await receiveOne(queue)).toMatchObject({ message: 'a', attempt: 2 });
    });

    it('puts a message that keeps failing to the dead letters with its last reason', async () => {
      const { queue, advance, dead } = await create(SETTINGS);
      await queue.send(['bad', 'good']);
      for (let attempt = 1; attempt <= SETTINGS.maxAttempts; attempt++) {
        for (const delivery of await queue.receive({ limit: 10, ...NOW })) {
          if (delivery.message === 'good') await delivery.acknowledge();
          else await delivery.retry(`failure ${attempt}`);
        }
      }
      expect(await queue.receive({ limit: 10, ...NOW })).toEqual([]);
      await advance(SETTINGS.visibilityMs * 10);
      expect(await queue.receive({ limit: 10, ...NOW })).toEqual([]);
      expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 1 });
      expect(await dead()).toEqual([{ message: 'bad', reason: 'failure 3' }]);
    });

    it('puts a message whose receivers keep dying to the dead letters', async () => {
      const { queue, advance, dead } = await create(SETTINGS);
      await queue.send(['killer']);
      for (let attempt = 1; attempt <= SETTINGS.maxAttempts; attempt++) {
        expect((await receiveOne(queue)).attempt).toBe(attempt);
        await advance(SETTINGS.visibilityMs);
      }
      expect(await queue.receive({ limit: 10, ...NOW })).toEqual([]);
      expect((await dead()).map((letter) => letter.message)).toEqual(['killer']);
    });

    it('waits for a message that is sent later', async () => {
      const { queue } = await create(SETTINGS);
      const waiting = queue.receive({ limit: 5, waitMs: 30_000 });
      await queue.send(['a', 'b']);
      expect((await waiting).map((delivery) => delivery.message)).toContain('a');
    });

    it('returns empty when the wait is over or aborted', async () => {
      const { queue } = await create(SETTINGS);
      expect(await queue.receive({ limit: 1, waitMs: 20 })).toEqual([]);
      const abort = new AbortController();
      const waiting = queue.receive({ limit: 1, waitMs: 30_000, signal: abort.signal });
      abort.abort();
      expect(await waiting).toEqual([]);
      await queue.send(['a']);
      expect(await queue.receive({ limit: 1, waitMs: 30_000, signal: abort.signal })).toEqual([]);
      expect(await queue.depth()).toMatchObject({ waiting: 1, inFlight: 0 });
    });

    it('gives each message to one of many receivers', async () => {
      const { queue } = await create(SETTINGS);
      const sent = Array.from({ length: 200 }, (_, i) => `m${i}`);
      const received: string[] = [];
      const receivers = Array.from({ length: 8 }, async () => {
        while (received.length < sent.length) {
          for (const delivery of await queue.receive({ limit: 7, waitMs: 10 })) {
            received.push(delivery.message);
            await delivery.acknowledge();
          }
        }
      });
      for (let i = 0; i < sent.length; i += 20) await queue.send(sent.slice(i, i + 20));
      await Promise.all(receivers);
      expect(received.sort()).toEqual(sent.sort());
      expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
    });
  });
}

async function receiveOne(queue: Queue<string>): Promise<Delivery<string>> {
  const [delivery] = await queue.receive({ limit: 1, ...NOW });
  if (delivery === undefined) throw new Error('expected a message; the queue has none to receive');
  return delivery;
}
