/**
 * What a queue of Amazon SQS does with messages that keep failing. SQS itself moves a message whose receivers keep dying
 * and says nothing of why; one that is given up here goes to the same dead letters with its reason as an attribute.
 */

import { GetQueueAttributesCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { toSqsError } from './sqs-client.ts';

export interface SqsRedrive {
  /** Deliveries of one message before it goes to the dead letters. */
  readonly maxAttempts: number;
  readonly visibilityMs: number;
  readonly deadLettersUrl: string;
  giveUp(body: string, reason: string, attempts: number): Promise<void>;
}

const attributesSchema = z.object({
  VisibilityTimeout: z.coerce.number().positive(),
  RedrivePolicy: z
    .string()
    .transform((json) => JSON.parse(json) as unknown)
    .pipe(z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().positive() })),
});

const MAX_REASON_CHARACTERS = 1_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: SQS refuses what XML 1.0 cannot hold
const REFUSED_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** @throws ChiasmError `storage_unavailable` without an answer, `invalid_request` for a queue without dead letters */
export async function readRedrive(client: SQSClient, queueUrl: string): Promise<SqsRedrive> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: ['VisibilityTimeout', 'RedrivePolicy'],
  });
  const { Attributes } = await client.send(command).catch((error) => {
    throw toSqsError(error, 'read the settings of the queue', queueUrl);
  });
  const parsed = attributesSchema.safeParse(Attributes);
  if (!parsed.success) {
    const message = `the queue ${queueUrl} has no dead letters: expected a visibility timeout and a redrive policy`;
    throw new ChiasmError('invalid_request', message, { cause: parsed.error });
  }
  const { VisibilityTimeout, RedrivePolicy } = parsed.data;
  // dead letters are always in the account and region of their queue, so the URLs differ in the name only
  const deadLettersUrl = queueUrl.replace(/[^/]+$/, RedrivePolicy.deadLetterTargetArn.split(':').at(-1)!);
  return {
    maxAttempts: RedrivePolicy.maxReceiveCount,
    visibilityMs: VisibilityTimeout * 1000,
    deadLettersUrl,
    giveUp: async (body, reason, attempts) => {
      const text = reason.toWellFormed().replaceAll(REFUSED_CHARACTERS, ' ').slice(0, MAX_REASON_CHARACTERS);
      const MessageAttributes = {
        reason: { DataType: 'String', StringValue: text || 'no reason was given' },
        attempts: { DataType: 'Number', StringValue: String(attempts) },
      };
      await client
        .send(new SendMessageCommand({ QueueUrl: deadLettersUrl, MessageBody: body, MessageAttributes }))
        .catch((error) => {
          throw toSqsError(error, 'send to the dead letters', deadLettersUrl);
        });
    },
  };
}
