/** Questions, answers and captions on the wire. */

import { z } from '@hono/zod-openapi';
import type { Answer, AnswerRequest } from '#shared/answer/answer.ts';
import { parseFilter } from '#shared/catalog/parse-filter.ts';
import type { ApiLimits } from '../app-dependencies.ts';
import { contentSourceSchema, filterSchema, modalitySchema, partRangeSchema } from './common.ts';
import { limitedText, textSchema, toContentSource } from './search.ts';

/** Turns of a conversation that are read; a follow-up refers to the last few. */
const MAX_HISTORY = 50;
const MAX_CHOICES = 1_000;
const MAX_CHOICE_CHARACTERS = 1_000;

const choiceSchema = textSchema.refine((text) => text.length <= MAX_CHOICE_CHARACTERS, {
  error: `expected at most ${MAX_CHOICE_CHARACTERS} characters`,
});

export const answerRequestSchema = z
  .strictObject({
    question: z.union([
      textSchema,
      z.strictObject({
        audio: contentSourceSchema.openapi({ description: 'A spoken question: a stored sound, or the bytes of one.' }),
      }),
    ]),
    image: contentSourceSchema
      .optional()
      .openapi({ description: 'The picture that is asked about. Without it the collection is asked.' }),
    scope: z
      .strictObject({
        query: textSchema.optional().openapi({ description: 'Searched for in place of what the question is about.' }),
        filter: filterSchema.optional(),
        limit: z.int().min(1).max(50).optional().openapi({ description: 'Items that are read; 8 when absent.' }),
      })
      .optional(),
    choices: z
      .array(choiceSchema)
      .min(2)
      .max(MAX_CHOICES)
      .refine((choices) => new Set(choices).size === choices.length, { error: 'expected different choices' })
      .optional(),
    history: z
      .array(z.strictObject({ question: textSchema, answer: z.string() }))
      .max(MAX_HISTORY)
      .optional()
      .openapi({
        description: 'What was asked and answered before, oldest first: "and what colour is it?" refers to it.',
      }),
  })
  .openapi('AnswerRequest');

const candidateSchema = z.object({ answer: z.string(), confidence: z.number() });

export const answerSchema = z
  .object({
    question: z.string().openapi({ description: 'As it was heard and understood.' }),
    answer: z.string().nullable().openapi({ description: 'Null when the evidence is too weak to answer.' }),
    confidence: z.number(),
    alternatives: z
      .array(candidateSchema)
      .openapi({ description: 'Others, the likeliest first; led by the best guess when abstained.' }),
    evidence: z.array(
      z.object({
        key: z.string(),
        modality: z.union([modalitySchema, z.null()]),
        part: partRangeSchema,
        score: z.number(),
      }),
    ),
    abstained: z.boolean(),
    basis: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('image') }),
        z.object({ kind: z.literal('items'), query: z.string(), read: z.int() }),
        z.object({
          kind: z.literal('matches'),
          query: z.string(),
          minProbability: z.number(),
          matches: z.int(),
          expected: z.number().openapi({ description: 'The sum of the match probabilities of all items.' }),
        }),
      ])
      .openapi({
        description:
          'What was looked at: the picture, the best items of a search one by one, or every match: how many are above the probability line, and how many are expected among all.',
      }),
    model: z.string(),
  })
  .openapi('Answer');

export const captionRequestSchema = z.strictObject({ image: contentSourceSchema }).openapi('CaptionRequest');

export const captionSchema = z
  .object({ caption: z.string(), confidence: z.number(), model: z.string() })
  .openapi('Caption');

/** @param question the text, or what was heard */
export function toAnswerRequest(
  wire: z.infer<typeof answerRequestSchema>,
  question: string,
  limits: ApiLimits,
): AnswerRequest {
  const { image, scope, choices, history } = wire;
  return {
    question: limitedText(question, limits),
    ...(image && { image: toContentSource(image) }),
    ...(scope && {
      scope: {
        ...(scope.query !== undefined && { query: limitedText(scope.query, limits) }),
        ...(scope.filter && { filter: parseFilter(scope.filter, '/scope/filter') }),
        ...(scope.limit !== undefined && { limit: scope.limit }),
      },
    }),
    ...(choices && { choices }),
    ...(history && { history }),
  };
}

export function toWireAnswer(answer: Answer): z.infer<typeof answerSchema> {
  return {
    ...answer,
    alternatives: [...answer.alternatives],
    evidence: answer.evidence.map((item) => ({ ...item, modality: item.modality ?? null })),
  };
}
