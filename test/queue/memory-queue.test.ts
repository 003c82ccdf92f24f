import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { describeQueue, type QueueSettings } from './queue-contract.ts';

describeQueue('MemoryQueue', createUnderTest);

describe('MemoryQueue', () => {
  it('accounts for every message after any sequence of operations', async () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('receive' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constantFrom('acknowledge' as const, 'retry' as const), count: fc.nat(20) }),
      fc.record({ kind: fc.constant('advance' as const), count: fc.integer({ min: 1, max: 1_500 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const { queue, advance, dead } = createUnderTest({ visibilityMs: 1_000, maxAttempts: 2 });
        const held: Awaited<ReturnType<typeof queue.receive>>[number][] = [];
        const acknowledged = new Set<string>();
        let sent = 0;
        for (const { kind, count } of operations) {
          if (kind === 'send') await queue.send(Array.from({ length: count }, () => `m${sent++}`));
          if (kind === 'receive') held.push(...(await queue.receive({ limit: count, waitMs: 0 })));
          if (kind === 'advance') advance(count);
          const delivery = held[count % Math.max(1, held.length)];
          if (kind === 'retry') await delivery?.retry('again', count * 100);
          if (kind === 'acknowledge' && delivery !== undefined) {
            const before = await queue.depth();
            await delivery.acknowledge();
            const after = await queue.depth();
            if (before.waiting + before.inFlight > after.waiting + after.inFlight) acknowledged.add(delivery.message);
          }
        }
        const depth = await queue.depth();
        expect(depth.waiting + depth.inFlight + depth.dead + acknowledged.size).toBe(sent);
        for (const { message } of dead()) expect(acknowledged).not.toContain(message);
      }),
    );
  });

  it('hands out 100,000 messages without looking at all of them each time', async () => {
    const queue = createMemoryQueue<number>();
    await queue.send(Array.from({ length: 100_000 }, (_, i) => i));
    let received = 0;
    for (;;) {
      const deliveries = await queue.receive({ limit: 100, waitMs: 0 });
      if (deliveries.length === 0) break;
      received += deliveries.length;
      for (const delivery of deliveries) await delivery.acknowledge();
    }
    expect(received).toBe(100_000);
  });
});

function createUnderTest(settings: QueueSettings) {
  const clock = createManualClock();
  const letters: { message: string; reason: string }[] = [];
  const queue = createMemoryQueue<string>({
    clock,
    ...settings,
    onDead: (message, reason) => letters.push({ message, reason }),
  });
  return { queue, advance: (ms: number) => clock.advance(ms), dead: () => letters };
}
