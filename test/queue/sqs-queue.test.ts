import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createSqsClient, type SqsSettings } from '#shared/queue/sqs-client.ts';
import { openSqsQueue, type SqsQueue, type SqsQueueOptions } from '#shared/queue/sqs-queue.ts';
import { describeQueue, type QueueSettings } from './queue-contract.ts';
import { type SqsTestServer, startSqsServer } from './sqs-server.ts';

const clock = createManualClock();
let server: SqsTestServer;
/** Its clock stands still but for the contract's steps. */
let steppedServer: SqsTestServer;
const open: SqsQueue<unknown>[] = [];

beforeAll(async () => {
  [server, steppedServer] = await Promise.all([startSqsServer(), startSqsServer(clock)]);
});
afterAll(async () => {
  await Promise.all(open.map((queue) => queue.close()));
  server.close();
  steppedServer.close();
});

const SETTINGS: QueueSettings = { visibilityMs: 30_000, maxAttempts: 3 };

function openQueue(queueUrl: string, settings: SqsSettings & SqsQueueOptions = {}) {
  const client = createSqsClient(queueUrl, { ...server.settings, ...settings });
  return openSqsQueue<string>({ client, queueUrl, parse: parseText, log: silentLog }, settings);
}

/** A JSON string; `nothing` needs no work. */
function parseText(body: string): string | undefined {
  const value: unknown = JSON.parse(body);
  if (typeof value !== 'string') throw new Error(`expected a JSON string, got ${body}`);
  return value === 'nothing' ? undefined : value;
}

async function createUnderTest(
  settings: QueueSettings = SETTINGS,
  options: SqsSettings & SqsQueueOptions = {},
  at: SqsTestServer = server,
) {
  const queueUrl = at.createQueue(settings);
  const queue = await openQueue(queueUrl, options);
  open.push(queue);
  const dead = () =>
    at.dead(queueUrl).map(({ body, attributes }) => ({ message: JSON.parse(body), reason: attributes.reason ?? '' }));
  return { queue, queueUrl, advance: clock.advance, dead };
}

describeQueue('SqsQueue', (settings) => createUnderTest(settings, {}, steppedServer));

describe('SqsQueue', () => {
  it('sends, receives and removes in batches of ten', async () => {
    const { queue } = await createUnderTest();
    const before = server.requests.length;
    await queue.send(Array.from({ length: 64 }, (_, i) => `m${i}`));
    const deliveries = await queue.receive({ limit: 64, waitMs: 1_000 });
    expect(deliveries).toHaveLength(64);
    await Promise.all(deliveries.map((delivery) => delivery.acknowledge()));
    const actions = server.requests.slice(before).map(({ action }) => action);
    const count = (name: string) => actions.filter((action) => action === name).length;
    expect([count('SendMessageBatch'), count('ReceiveMessage'), count('DeleteMessageBatch')]).toEqual([7, 7, 7]);
    expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
  });

  it('carries every character that a key may have', async () => {
    const { queue } = await createUnderTest();
    const odd = 'ä €/😀 "\u2028\uffff\ufffe + %20';
    await queue.send([odd]);
    expect((await queue.receive({ limit: 1, waitMs: 0 }))[0]?.message).toBe(odd);
  });

  it('cuts what is too large for one request into several', async () => {
    const { queue } = await createUnderTest();
    const sent = Array.from({ length: 10 }, (_, i) => String(i).repeat(100_000));
    await queue.send(sent);
    expect((await queue.receive({ limit: 10, waitMs: 0 })).map(({ message }) => message).sort()).toEqual(sent);
  });

  it('sends the entries of a batch again that failed alone, and those only', async () => {
    const { queue } = await createUnderTest();
    server.fail({ action: 'SendMessageBatch', effect: 'fail-entries' });
    await queue.send(['a', 'b', 'c', 'd']);
    const deliveries = await queue.receive({ limit: 10, waitMs: 0 });
    expect(deliveries.map(({ message }) => message).sort()).toEqual(['a', 'b', 'c', 'd']);
    server.fail({ action: 'DeleteMessageBatch', effect: 'fail-entries' });
    await Promise.all(deliveries.map((delivery) => delivery.acknowledge()));
    expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
  });

  it('keeps what it works on hidden from others, and lets it go when its process stops', async () => {
    const { queue, queueUrl } = await createUnderTest({ visibilityMs: 1_000, maxAttempts: 3 });
    const other = await openQueue(queueUrl);
    open.push(other);
    await queue.send(['long work']);
    const [delivery] = await queue.receive({ limit: 1, waitMs: 0 });
    await sleep(2_500);
    expect(await other.receive({ limit: 1, waitMs: 0 })).toEqual([]);
    await queue.close();
    expect((await other.receive({ limit: 1, waitMs: 0 }))[0]).toMatchObject({ message: 'long work', attempt: 2 });
    await delivery!.acknowledge(); // too late: the other one has it
    expect(await other.depth()).toMatchObject({ inFlight: 1 });
  });

  it('lets go of work that takes longer than it may', async () => {
    const { queue } = await createUnderTest({ visibilityMs: 1_000, maxAttempts: 3 }, { holdMs: 500 });
    await queue.send(['hangs']);
    await queue.receive({ limit: 1, waitMs: 0 });
    expect((await queue.receive({ limit: 1, waitMs: 3_000 }))[0]).toMatchObject({ message: 'hangs', attempt: 2 });
  });

  it('sends what it cannot read to the dead letters with the reason, and goes on', async () => {
    const { queue, queueUrl } = await createUnderTest();
    server.put(queueUrl, ['{"not": "ours"}', 'no JSON', '"good"']);
    expect((await queue.receive({ limit: 10, waitMs: 0 })).map(({ message }) => message)).toEqual(['good']);
    const dead = server.dead(queueUrl);
    expect(dead.map(({ body }) => body).sort()).toEqual(['no JSON', '{"not": "ours"}']);
    expect(dead.map(({ attributes }) => attributes.reason).join()).toMatch(/expected a JSON string/);
  });

  it('removes messages that need no work', async () => {
    const { queue } = await createUnderTest();
    await queue.send(['nothing', 'nothing', 'work']);
    expect(await queue.receive({ limit: 10, waitMs: 0 })).toHaveLength(1);
    expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 1, dead: 0 });
  });

  it('cuts a reason to what SQS takes', async () => {
    const { queue, dead } = await createUnderTest({ ...SETTINGS, maxAttempts: 1 });
    await queue.send(['bad']);
    const [delivery] = await queue.receive({ limit: 1, waitMs: 0 });
    await delivery!.retry(`broken \u0000\uffff ${'x'.repeat(5_000)}`);
    expect((await dead())[0]?.reason).toMatch(/^broken {4}x{900,}$/);
  });

  it('repeats what SQS answers with 500 or 503, and what the connection lost', async () => {
    const { queue } = await createUnderTest();
    for (const effect of [503, 'drop-before'] as const) server.fail({ action: 'SendMessageBatch', effect });
    await queue.send(['a']);
    for (const effect of [500, 'drop-before'] as const) server.fail({ action: 'ReceiveMessage', effect });
    const [delivery] = await queue.receive({ limit: 1, waitMs: 0 });
    server.fail({ action: 'DeleteMessageBatch', effect: 'drop-after' });
    await delivery!.acknowledge();
    expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, dead: 0 });
  });

  it('gives up with a fault that may be tried again', async () => {
    const { queue } = await createUnderTest(SETTINGS, { maxAttempts: 1 });
    server.fail({ action: 'SendMessageBatch', effect: 503 });
    await expect(queue.send(['a'])).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  });

  it('says what is wrong with a queue that does not exist, or has no dead letters', async () => {
    const absent = openQueue(server.createQueue(SETTINGS).replace(/[^/]+$/, 'absent'));
    await expect(absent).rejects.toThrow(/absent.*Check the URL/);
    await expect(openQueue(server.createQueueWithoutDeadLetters())).rejects.toThrow(/has no dead letters/);
  });
});
