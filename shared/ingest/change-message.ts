/** The message that says "look at this key": what the queue carries, on a laptop and in the cloud. */

import { z } from 'zod';
import { objectKeyProblem } from '#shared/core/object-key.ts';

export const changeMessageSchema = z.object({
  operation: z.enum(['put', 'delete']),
  key: z.string().refine((key) => objectKeyProblem(key) === undefined, { error: 'expected a valid object key' }),
  /**
   * Orders the changes of one key; the greater string is newer. Absent where nobody knows the order (a listing): the object
   * is looked at whatever is known of it, and what is found comes after that.
   */
  sequencer: z.string().min(1).optional(),
});

export type ChangeMessage = Readonly<z.infer<typeof changeMessageSchema>>;

/** With its place among the changes of its key. */
export type SequencedChange = ChangeMessage & { readonly sequencer: string };
