/**
 * A standard queue of Amazon SQS. Messages that this process holds stay hidden from others while it works on them; those
 * of a process that has died come again after the queue's visibility time-out.
 */

import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
  type Message as SqsMessage,
} from '@aws-sdk/client-sqs';
import { toChiasmError } from '#shared/core/errors.ts';
import type { Queue } from './queue.ts';
import { BATCH_ENTRIES, sendInBatches } from './sqs-batch.ts';
import { toSqsError } from './sqs-client.ts';
import { createSqsDelivery, type SqsDeliveryDependencies } from './sqs-delivery.ts';
import { readRedrive } from './sqs-redrive.ts';

export interface SqsQueueDependencies<Message> extends Omit<SqsDeliveryDependencies<Message>, 'redrive'> {
  readonly client: SQSClient;
  readonly queueUrl: string;
}

export interface SqsQueueOptions {
  /** A message is kept hidden for at most this long, so that work which hangs comes to another process. @default 1 hour */
  readonly holdMs?: number;
}

export interface SqsQueue<Message> extends Queue<Message> {
  /** Deliveries of one message before it goes to the dead letters: the queue's own setting. */
  readonly maxAttempts: number;
  /** Gives back at once what this process holds. */
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const MAX_WAIT_SECONDS = 20;
/** Of one request; SQS takes more, these are few requests already. */
const BATCH_BYTES = 256 * 1024;
/** Held messages are hidden anew when this share of the time-out is over: two tries may fail. */
const EXTEND_AT_SHARE = 1 / 3;

interface Held {
  readonly receipt: string;
  readonly sinceMs: number;
}

/** @throws ChiasmError `invalid_request` for a queue without dead letters, `storage_unavailable` without an answer */
export async function openSqsQueue<Message>(
  deps: SqsQueueDependencies<Message>,
  { holdMs = HOUR_MS }: SqsQueueOptions = {},
): Promise<SqsQueue<Message>> {
  const { client, queueUrl, log } = deps;
  const redrive = await readRedrive(client, queueUrl);
  const held = new Set<Held>();
  const remove = createRemover(client, queueUrl);
  let closed = false;

  const extending = setInterval(() => void extendHeld(), redrive.visibilityMs * EXTEND_AT_SHARE).unref();

  async function extendHeld(): Promise<void> {
    const nowMs = performance.now();
    for (const one of held) if (nowMs - one.sinceMs > holdMs) held.delete(one);
    await setVisibility([...held], redrive.visibilityMs / 1000).catch((error) =>
      log.warn('queue.not_extended', { messages: held.size, error: toChiasmError(error) }),
    );
  }

  /** What is no longer this process's to hide is let go: another one has it, or will have. */
  async function setVisibility(messages: readonly Held[], seconds: number): Promise<void> {
    const failed = await sendInBatches(
      messages.map((one) => ({ ReceiptHandle: one.receipt, VisibilityTimeout: seconds })),
      (Entries) => client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: [...Entries] })),
    );
    const lost = new Set(failed.map(({ entry }) => entry.ReceiptHandle));
    for (const one of messages) if (lost.has(one.receipt)) held.delete(one);
  }

  async function receiveOnce(limit: number, waitSeconds: number, signal?: AbortSignal): Promise<SqsMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: Math.min(limit, BATCH_ENTRIES),
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    try {
      return (await client.send(command, signal && { abortSignal: signal })).Messages ?? [];
    } catch (error) {
      if (signal?.aborted) return [];
      throw toSqsError(error, 'receive from the queue', queueUrl);
    }
  }

  /** Up to `limit` messages without waiting; several requests at a time, because one brings ten at most. */
  async function receiveMore(limit: number, signal?: AbortSignal): Promise<SqsMessage[]> {
    const requests = Math.ceil(limit / BATCH_ENTRIES);
    const limits = Array.from({ length: requests }, (_, i) => Math.min(BATCH_ENTRIES, limit - i * BATCH_ENTRIES));
    return (await Promise.all(limits.map((one) => receiveOnce(one, 0, signal)))).flat();
  }

  function deliver({ Body: body = '', ReceiptHandle: receipt = '', Attributes }: SqsMessage) {
    const one: Held = { receipt, sinceMs: performance.now() };
    held.add(one);
    return createSqsDelivery(
      { ...deps, redrive },
      {
        body,
        attempt: Number(Attributes?.ApproximateReceiveCount ?? 1),
        remove: () => {
          held.delete(one);
          return remove(receipt);
        },
        hide: (seconds) => {
          held.delete(one);
          return setVisibility([one], seconds);
        },
      },
    );
  }

  return {
    maxAttempts: redrive.maxAttempts,
    async send(messages) {
      const sizeOf = ({ MessageBody }: { MessageBody: string }) => MessageBody.length;
      const failed = await sendInBatches(
        messages.map((message) => ({ MessageBody: asciiJson(message) })),
        (Entries) => client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: [...Entries] })),
        (batch, next) => batch.reduce((sum, entry) => sum + sizeOf(entry), sizeOf(next)) <= BATCH_BYTES,
      ).catch((error) => {
        throw toSqsError(error, 'send to the queue', queueUrl);
      });
      if (failed[0] !== undefined) {
        const refused = new Error(`${failed.length} of ${messages.length} messages failed; ${failed[0].reason}`);
        throw toSqsError(refused, 'send to the queue', queueUrl);
      }
    },
    async receive({ limit, waitMs, signal }) {
      const endMs = performance.now() + waitMs;
      while (!signal?.aborted && !closed) {
        const leftSeconds = Math.floor((endMs - performance.now()) / 1000);
        const first = await receiveOnce(limit, Math.max(0, Math.min(leftSeconds, MAX_WAIT_SECONDS)), signal);
        const full = first.length === BATCH_ENTRIES && limit > BATCH_ENTRIES;
        const more = full ? await receiveMore(limit - first.length, signal) : [];
        const deliveries = await Promise.all([...first, ...more].map(deliver));
        const given = deliveries.filter((delivery) => delivery !== undefined);
        if (given.length > 0 || leftSeconds < 1) return given;
      }
      return [];
    },
    async depth() {
      const [own, dead] = await Promise.all([
        countMessages(client, queueUrl),
        countMessages(client, redrive.deadLettersUrl),
      ]);
      return { ...own, dead: dead.waiting + dead.inFlight };
    },
    async close() {
      closed = true;
      clearInterval(extending);
      const left = [...held];
      held.clear();
      await setVisibility(left, 0);
    },
  };
}

/** Removes messages, those of one turn of the event loop together. A receipt that is out of date removes nothing. */
function createRemover(client: SQSClient, queueUrl: string): (receipt: string) => Promise<void> {
  let waiting: string[] = [];
  let flushing: Promise<void> | undefined;
  const flush = async () => {
    await new Promise(setImmediate);
    const receipts = waiting;
    waiting = [];
    flushing = undefined;
    const failed = await sendInBatches(
      receipts.map((ReceiptHandle) => ({ ReceiptHandle })),
      (Entries) => client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: [...Entries] })),
    ).catch((error) => {
      throw toSqsError(error, 'remove from the queue', queueUrl);
    });
    const [refused] = failed.filter(({ reason }) => !reason.startsWith('ReceiptHandleIsInvalid'));
    if (refused !== undefined) throw toSqsError(new Error(refused.reason), 'remove from the queue', queueUrl);
  };
  return (receipt) => {
    waiting.push(receipt);
    flushing ??= flush();
    return flushing;
  };
}

async function countMessages(client: SQSClient, queueUrl: string): Promise<{ waiting: number; inFlight: number }> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesDelayed',
      'ApproximateNumberOfMessagesNotVisible',
    ],
  });
  const { Attributes = {} } = await client.send(command).catch((error) => {
    throw toSqsError(error, 'count the messages of', queueUrl);
  });
  const count = (name: keyof typeof Attributes) => Number(Attributes[name] ?? 0);
  return {
    waiting: count('ApproximateNumberOfMessages') + count('ApproximateNumberOfMessagesDelayed'),
    inFlight: count('ApproximateNumberOfMessagesNotVisible'),
  };
}

/** JSON with everything beyond ASCII escaped: SQS refuses some characters that keys may have. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
