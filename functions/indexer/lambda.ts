/**
 * The small-upload lane: indexes the messages that AWS Lambda hands over, on the CPU, so that a few uploads need no GPU.
 * What fails stays in the queue for either lane.
 */

import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { ingest } from '#shared/ingest/ingest.ts';
import { composeIndexer, openEventQueue } from './compose.ts';
import { readEnvironment } from './env.ts';
import { createOutcomes } from './outcomes.ts';

const eventSchema = z.object({
  Records: z.array(
    z
      .object({
        messageId: z.string(),
        receiptHandle: z.string(),
        body: z.string(),
        attributes: z.object({ ApproximateReceiveCount: z.coerce.number().int().positive() }),
      })
      .transform(({ attributes, ...record }) => ({ ...record, attempt: attributes.ApproximateReceiveCount })),
  ),
});

/** The answer that Lambda reads under `ReportBatchItemFailures`: all other messages are removed. */
interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** Kept at the end of an invocation for storing what is encoded. */
const STORING_MS = 20_000;
/** A change waits at most this long for others: all of a batch come at once. */
const STORE_AFTER_MS = 50;

const environment = readEnvironment();
const { index, line, log, metrics } = await composeIndexer(environment, 'small-lane');
const { queueOf, maxAttempts } = await openEventQueue(environment, log);
const outcomes = createOutcomes(metrics);

export async function handler(event: unknown, context: Context): Promise<BatchResponse> {
  const { Records: records } = eventSchema.parse(event);
  const queue = queueOf(records);
  const stopping = new AbortController();
  const outOfTime = setTimeout(() => stopping.abort(), Math.max(0, context.getRemainingTimeInMillis() - STORING_MS));
  void queue.settled.then(() => stopping.abort());
  await index.refresh();
  await ingest(
    { ...line, queue, log: log.with({ requestId: context.awsRequestId }), onSettled: outcomes.onSettled },
    { maxAttempts, storeAfterMs: STORE_AFTER_MS },
    stopping.signal,
  );
  clearTimeout(outOfTime);
  outcomes.flush();
  return { batchItemFailures: queue.failed().map((itemIdentifier) => ({ itemIdentifier })) };
}
