/**
 * The small-upload lane: indexes the messages that AWS Lambda hands over, on the CPU, so that a few uploads need no GPU.
 * What fails stays in the queue for either lane.
 */

import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { ingest } from '#shared/ingest/ingest.ts';
import type { PrepareObject } from '#shared/ingest/prepare.ts';
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
const RETRYABLE = { retryable: true };

const environment = readEnvironment();
const { index, line, log, metrics } = await composeIndexer(environment, 'small-lane');
const { queueOf, maxAttempts } = await openEventQueue(environment, log);
const outcomes = createOutcomes(metrics);

export async function handler(event: unknown, context: Context): Promise<BatchResponse> {
  const { Records: records } = eventSchema.parse(event);
  const queue = queueOf(records);
  const stopping = new AbortController();
  const outOfTime = Promise.withResolvers<never>();
  outOfTime.promise.catch(() => {}); // mostly nobody waits for it
  const timer = setTimeout(
    () => {
      stopping.abort();
      outOfTime.reject(new ChiasmError('cancelled', 'the time of the function was over before it was read', RETRYABLE));
    },
    Math.max(0, context.getRemainingTimeInMillis() - STORING_MS),
  );
  // a long sound is listened to all the same: the message that comes again finds what was heard
  const prepare: PrepareObject = (message) => Promise.race([line.prepare(message), outOfTime.promise]);
  void queue.settled.then(() => stopping.abort());
  await index.refresh();
  await ingest(
    { ...line, prepare, queue, log: log.with({ requestId: context.awsRequestId }), onSettled: outcomes.onSettled },
    { maxAttempts, storeAfterMs: STORE_AFTER_MS },
    stopping.signal,
  );
  clearTimeout(timer);
  outcomes.flush();
  return { batchItemFailures: queue.failed().map((itemIdentifier) => ({ itemIdentifier })) };
}
