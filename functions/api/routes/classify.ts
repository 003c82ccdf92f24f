/** Classification without training examples. */

import { createRoute, z } from '@hono/zod-openapi';
import type { ClassLabel } from '#shared/classify/zero-shot.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { embedSource } from '#shared/search/embed-query.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiLimits, AppDependencies } from '../app-dependencies.ts';
import { contentSourceSchema, jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import { limitedText, textSchema, toContentSource } from '../schemas/search.ts';

const labelSchema = z.union([
  textSchema,
  z.strictObject({ name: textSchema, prompts: z.array(textSchema).min(1).optional() }),
]);

const classifyRequestSchema = z
  .strictObject({
    input: z
      .strictObject({
        image: contentSourceSchema.optional(),
        audio: contentSourceSchema.optional(),
        text: textSchema.optional(),
        signals: z.record(z.string(), z.array(z.number())).optional(),
      })
      .refine((input) => Object.values(input).some((value) => value !== undefined), {
        error: 'expected at least one of "image", "audio", "text"',
      }),
    labels: z.array(labelSchema).min(1).optional(),
    classifier: z.string().min(1).optional(),
    multiLabel: z
      .boolean()
      .default(false)
      .openapi({ description: 'Each label by itself instead of one distribution over all.' }),
  })
  .openapi('ClassifyRequest');

const classifyAnswerSchema = z
  .object({ labels: z.array(z.object({ name: z.string(), probability: z.number() })), model: z.string() })
  .openapi('ClassifyAnswer');

const classify = createRoute({
  method: 'post',
  path: '/v1/classify',
  tags: ['Classification'],
  summary: 'Sort a picture, a sound or a text into classes that are given in words',
  request: { body: jsonBody(classifyRequestSchema) },
  responses: { 200: jsonAnswer(classifyAnswerSchema, 'All labels, the most probable first.'), ...problemAnswer },
});

type WireRequest = z.infer<typeof classifyRequestSchema>;

export function registerClassifyRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(classify, async (c) => {
    const { input, labels: wireLabels, classifier, multiLabel } = c.req.valid('json');
    if (classifier !== undefined)
      throw new ChiasmError('not_found', `there is no classifier ${JSON.stringify(classifier)}`);
    if (input.signals !== undefined)
      throw invalid('/input/signals', 'signals need a trained classifier; labels in words read image, audio and text');
    if (wireLabels === undefined) throw invalid('/labels', 'expected "labels"');
    const labels = toLabels(wireLabels, deps.limits);
    const vectors = await embedInput(deps, input);
    const probabilities = await deps.zeroShot.classify({ input: { vectors }, labels, multiLabel });
    const model = deps.models().find(({ active }) => active)?.name ?? 'unknown';
    return c.json({ labels: [...probabilities], model }, 200);
  });
}

/** One normalised vector [D] for each part of the input. */
async function embedInput(
  deps: AppDependencies,
  input: WireRequest['input'],
): Promise<Partial<Record<Modality, Float32Array>>> {
  const vectors: Partial<Record<Modality, Float32Array>> = {};
  if (input.text !== undefined)
    [vectors.text] = await deps.spaces.embedder.texts([limitedText(input.text, deps.limits)]);
  for (const modality of ['image', 'audio'] as const) {
    const source = input[modality];
    if (source === undefined) continue;
    vectors[modality] = (await embedSource(deps, modality, toContentSource(source), `/input/${modality}`)).vector;
  }
  return vectors;
}

function toLabels(wire: NonNullable<WireRequest['labels']>, limits: ApiLimits): readonly ClassLabel[] {
  if (wire.length > limits.labels)
    throw new ChiasmError('too_large', `expected at most ${limits.labels} labels, got ${wire.length}`);
  const labels = wire.map((label) => (typeof label === 'string' ? { name: label } : label));
  const prompts = labels.flatMap((label) => ('prompts' in label && label.prompts) || []);
  if (prompts.length > limits.prompts) {
    throw new ChiasmError('too_large', `expected at most ${limits.prompts} prompts, got ${prompts.length}`);
  }
  for (const text of [...labels.map(({ name }) => name), ...prompts]) {
    if (text.length > MAX_LABEL_CHARACTERS) {
      throw new ChiasmError(
        'too_large',
        `expected names and prompts of at most ${MAX_LABEL_CHARACTERS} characters, got ${text.length}`,
      );
    }
  }
  return labels as readonly ClassLabel[];
}

/** A class is named in a sentence; models read 64 or 77 tokens. */
const MAX_LABEL_CHARACTERS = 1_000;

function invalid(path: string, message: string): ChiasmError {
  return new ChiasmError('invalid_request', message, { issues: [{ path, message }] });
}
