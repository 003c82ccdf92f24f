/**
 * What the work queue of the cloud carries, as change messages: Amazon S3's events as EventBridge sends them, the entries
 * of an import's listing in the same shape, and Chiasm's own messages. Every one of them says "look at this key", deletes
 * too: what was deleted may be an old version, or may have been uploaded again since.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import { type ChangeMessage, changeMessageSchema } from './change-message.ts';
import { s3Sequencer } from './sequencer.ts';

const detailOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({ key: z.string().min(1), ...shape }), // as it is: EventBridge does not percent-encode keys
  });

const bodySchema = z.union([
  z.object({
    source: z.literal('aws.s3'),
    'detail-type': z.enum(['Object Created', 'Object Deleted']),
    detail: detailOf({ sequencer: z.string().regex(/^[0-9a-fA-F]{1,64}$/) }),
  }),
  z.object({
    source: z.literal('chiasm.import'),
    'detail-type': z.literal('Object Listed'),
    detail: detailOf({}),
  }),
  changeMessageSchema,
]);

/**
 * Reads the body of a message about an object of `bucket`; undefined when its key is none for Chiasm, such as the folder
 * markers `a/` of other tools.
 * @throws ChiasmError `invalid_request` for what is none of the three, or about another bucket
 */
export function readChange(body: string, bucket: string): ChangeMessage | undefined {
  const parsed = bodySchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const message = `expected an S3 event of EventBridge, an import's entry or a change message; got ${quote(body)}`;
    throw new ChiasmError('invalid_request', message, { cause: parsed.error });
  }
  if (!('detail' in parsed.data)) return parsed.data;
  const { bucket: from, object } = parsed.data.detail;
  if (from.name !== bucket) {
    throw new ChiasmError('invalid_request', `expected an object of the bucket ${bucket}; got one of ${from.name}`);
  }
  const { key } = object;
  if (objectKeyProblem(key) !== undefined) return undefined;
  return { operation: 'put', key, ...('sequencer' in object && { sequencer: s3Sequencer(object.sequencer) }) };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function quote(body: string): string {
  return JSON.stringify(body.length > 200 ? `${body.slice(0, 200)}...` : body);
}
