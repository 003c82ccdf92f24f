/** The message that says "look at this key": what the queue carries, on a laptop and in the cloud. */

import { z } from 'zod';
import { objectKeyProblem } from '#shared/core/object-key.ts';

export const changeMessageSchema = z.object({
  operation: z.enum(['put', 'delete']),
  key: z.string().refine((key) => objectKeyProblem(key) === undefined, { error: 'expected a valid object key' }),
  /** Orders the changes of one key; the greater string is newer. */
  sequencer: z.string().min(1),
});

export type ChangeMessage = Readonly<z.infer<typeof changeMessageSchema>>;
