/** Trained classifiers on the wire. */

import { z } from '@hono/zod-openapi';
import { type ClassifierCard, classifierCardSchema } from '#shared/classify/classifier-card.ts';
import type { ClassifierDescription } from '#shared/classify/classifiers.ts';
import { recipeSchema } from '#shared/classify/recipe.ts';
import { trainedNameSchema } from '#shared/datasets/trained-name.ts';

export const trainRequestSchema = z
  .strictObject({
    name: trainedNameSchema.meta({ example: 'ripeness' }),
    dataset: z.string().openapi({
      description:
        'Key of an object of JSON lines: `{"inputs": {"image": key, "text": "...", "audio": key, "signals": {"vitals": [36.6, null]}}, "labels": {"task": "value"}, "split"?: "train" | "validation" | "test", "group"?: "rows of one group stay together"}`. Inputs may be missing, one must be there.',
    }),
    recipe: recipeSchema,
    promote: z.boolean().default(true).openapi({ description: 'Whether it answers as soon as it is trained.' }),
  })
  .openapi('TrainClassifier');

export const nameParameter = z.object({
  name: z.string().openapi({ param: { name: 'name', in: 'path', required: true }, example: 'ripeness' }),
});

const summarySchema = z.object({
  name: z.string(),
  live: z.int().openapi({ description: 'The version that answers.' }),
  previous: z.int().optional().openapi({ description: 'The version that was live before.' }),
  versions: z.array(z.int()),
});

export const classifierListSchema = z.object({ classifiers: z.array(summarySchema) }).openapi('ClassifierList');

const cardSchema = classifierCardSchema
  .extend({ inputs: z.array(z.object({ name: z.string(), kind: z.string(), length: z.int() })) })
  .omit({ name: true, digest: true })
  .openapi('ClassifierVersion');

export const classifierSchema = summarySchema
  .extend({ versions: z.array(cardSchema).openapi({ description: 'In ascending order.' }) })
  .openapi('Classifier');

export const promoteRequestSchema = z
  .strictObject({
    version: z.int().min(1).optional().openapi({ description: 'Default: the one that was live before (a roll-back).' }),
  })
  .openapi('PromoteRequest');

export function toWireClassifier(
  { name, live, previous }: ClassifierDescription,
  cards: readonly ClassifierCard[],
): z.infer<typeof classifierSchema> {
  return { name, live, ...(previous !== undefined && { previous }), versions: cards.map(toWireCard) };
}

/** Without the numbers of the normalisation. */
function toWireCard(card: ClassifierCard): z.infer<typeof cardSchema> {
  const { name: _name, digest: _digest, inputs, ...rest } = card;
  return { ...rest, inputs: inputs.map(({ name, kind, length }) => ({ name, kind, length })) };
}
