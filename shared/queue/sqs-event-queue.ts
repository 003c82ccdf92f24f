/**
 * The messages that AWS Lambda hands over in one event of an SQS queue, as a queue to receive from. Lambda removes what is
 * not reported as failed; what is given up went to the dead letters before.
 */

import { ChangeMessageVisibilityCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Delivery, Queue } from './queue.ts';
import { createSqsDelivery, type SqsDeliveryDependencies } from './sqs-delivery.ts';

export interface SqsRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attempt: number;
}

export interface SqsEventQueue<Message> extends Pick<Queue<Message>, 'receive'> {
  /** Resolves when all messages have been acknowledged, retried or given up. */
  readonly settled: Promise<void>;
  /** Ids of the messages that are to stay in the queue, those that nobody has settled among them. */
  failed(): string[];
}

export interface SqsEventQueueDependencies<Message> extends SqsDeliveryDependencies<Message> {
  readonly client: SQSClient;
  readonly queueUrl: string;
}

export function createSqsEventQueue<Message>(
  deps: SqsEventQueueDependencies<Message>,
  records: readonly SqsRecord[],
): SqsEventQueue<Message> {
  const { client, queueUrl, log } = deps;
  const removed = new Set<string>();
  const settled = Promise.withResolvers<void>();
  let waiting = [...records];
  let unsettled = records.length;
  const settle = () => {
    unsettled -= 1;
    if (unsettled <= 0) settled.resolve();
  };
  if (records.length === 0) settled.resolve();

  const deliver = ({ messageId, receiptHandle: ReceiptHandle, body, attempt }: SqsRecord) =>
    createSqsDelivery(deps, {
      body,
      attempt,
      remove: async () => {
        removed.add(messageId);
        settle();
      },
      hide: async (VisibilityTimeout) => {
        const command = new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle, VisibilityTimeout });
        await client.send(command).catch((error) => log.warn('queue.not_hidden', { messageId, error })); // comes later, then
        settle();
      },
    });

  return {
    settled: settled.promise,
    failed: () => records.map(({ messageId }) => messageId).filter((id) => !removed.has(id)),
    receive: async ({ limit, waitMs, signal }) => {
      const taken = waiting.slice(0, limit);
      waiting = waiting.slice(limit);
      if (taken.length === 0) await pause(waitMs, signal);
      const deliveries: (Delivery<Message> | undefined)[] = await Promise.all(taken.map(deliver));
      return deliveries.filter((delivery) => delivery !== undefined);
    },
  };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}
