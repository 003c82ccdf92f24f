/** What is known of a trained alignment: written beside its models. */

import { z } from 'zod';
import { alignmentRecipeSchema } from './alignment-recipe.ts';

const file = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.int().positive() });

export const ALIGNMENT_FILES = ['from.onnx', 'to.onnx', 'bridge.onnx'] as const;
export type AlignmentFile = (typeof ALIGNMENT_FILES)[number];

export const alignmentCardSchema = z.object({
  recipe: alignmentRecipeSchema,
  seed: z.int(),
  fromDimensions: z.int().positive(),
  toDimensions: z.int().positive(),
  /** Of the common space. */
  dimensions: z.int().positive(),
  pairs: z.object({ training: z.int(), validation: z.int(), heldOut: z.int() }),
  /** The step of training whose state was kept; 0 for closed forms. */
  step: z.int().nonnegative(),
  /** On held-out pairs, largest first: how well each common dimension agrees. */
  correlations: z.array(z.number()),
  /** Of cosines over the bridge: probability = sigmoid(scale x cosine + bias), and its error. Absent for too few pairs. */
  calibration: z.object({ scale: z.number().positive(), bias: z.number(), error: z.number() }).optional(),
  metrics: z.array(z.object({ name: z.string(), value: z.number(), chance: z.number().optional() })),
  files: z.record(z.enum(ALIGNMENT_FILES), file),
});

export type AlignmentCard = Readonly<z.output<typeof alignmentCardSchema>>;
