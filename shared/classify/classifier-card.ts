/** What is known of one version of a classifier: what it reads and answers, how it was trained, how good it is. */

import { z } from 'zod';
import { recipeSchema } from './recipe.ts';

const measuredSchema = z.object({ value: z.number(), low: z.number(), high: z.number() });

const inputSpecSchema = z.object({
  name: z.string(),
  kind: z.enum(['image', 'audio', 'text', 'signal']),
  space: z.string().optional(),
  length: z.int(),
  masked: z.boolean(),
  mean: z.array(z.number()).readonly(),
  scale: z.array(z.number()).readonly(),
});

const taskMetricsSchema = z.object({
  rows: z.int(),
  accuracy: measuredSchema,
  macroF1: measuredSchema,
  auroc: measuredSchema.optional(),
  calibrationError: measuredSchema,
  majority: z.number(),
  confusion: z.array(z.array(z.int()).readonly()).readonly().optional(),
});

/** Accuracy where only some kinds of content are shown, by task; rows that have none of them are left out. */
const missingSchema = z.object({
  given: z.array(z.string()),
  accuracy: z.record(z.string(), measuredSchema.extend({ rows: z.int() })),
});

export const classifierCardSchema = z.object({
  name: z.string(),
  version: z.int(),
  createdAt: z.iso.datetime(),
  dataset: z.string(),
  /** Of the data set when it was read. */
  etag: z.string(),
  recipe: recipeSchema.unwrap(),
  inputs: z.array(inputSpecSchema),
  /** Temperature: probabilities are softmax(logits / temperature). */
  tasks: z.array(z.object({ name: z.string(), classes: z.array(z.string()).readonly(), temperature: z.number() })),
  rows: z.object({ train: z.int(), validation: z.int(), test: z.int() }),
  /** Folds of the cross-validation that measured it; 0 when rows were held out. */
  folds: z.int(),
  epochs: z.int(),
  metrics: z.record(z.string(), taskMetricsSchema),
  missing: z.array(missingSchema),
  /** SHA-256 of the ONNX file. */
  digest: z.string(),
});

export type ClassifierCard = z.output<typeof classifierCardSchema>;
