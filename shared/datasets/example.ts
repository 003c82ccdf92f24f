/** Rows of data sets: content that is given by the keys of objects, as text, and as numbers. */

import { z } from 'zod';
import { objectKeyProblem } from '#shared/core/object-key.ts';

const keySchema = z.string().superRefine((key, context) => {
  const message = objectKeyProblem(key);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const nameSchema = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => name.isWellFormed(), { error: 'expected well-formed Unicode' });

/** Beyond it float32 arithmetic overflows. */
const MAX_NUMBER = 1e30;

/** A signal's numbers; null where a value is missing. */
const signalSchema = z.array(z.number().min(-MAX_NUMBER).max(MAX_NUMBER).nullable()).min(1).max(20_000);

/** What an example shows; every input may be missing, one must be there. */
export const inputsSchema = z
  .strictObject({
    image: keySchema.optional(),
    audio: keySchema.optional(),
    text: z.string().optional(),
    signals: z.record(nameSchema, signalSchema).optional(),
  })
  .refine(({ image, audio, text, signals }) => image ?? audio ?? text?.trim() ?? Object.keys(signals ?? {})[0], {
    error: 'expected at least one of "image", "audio", "text", "signals"',
  });

export type ExampleInputs = z.infer<typeof inputsSchema>;

export const SPLITS = ['train', 'validation', 'test'] as const;

/** A row of a classifier's data set. */
export const exampleSchema = z.strictObject({
  inputs: inputsSchema,
  labels: z
    .record(nameSchema, nameSchema)
    .refine((labels) => Object.keys(labels).length > 0, { error: 'expected a label, like {"colour": "red"}' }),
  split: z.enum(SPLITS).optional(),
  /** Rows of one group (a patient, a recording) are never torn apart into training and test. */
  group: nameSchema.optional(),
});

export type Example = z.infer<typeof exampleSchema>;
