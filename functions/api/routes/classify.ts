/** Classification: into classes given in words, or by a classifier that was taught. */

import { createRoute, z } from '@hono/zod-openapi';
import type { ClassLabel } from '#shared/classify/zero-shot.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { embedSource } from '#shared/search/embed-query.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiLimits, AppDependencies } from '../app-dependencies.ts';
import { contentSourceSchema, jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import { limitedText, textSchema, toContentSource } from '../schemas/search.ts';

/** A class is named in a sentence; models read 64 or 77 tokens. */
const MAX_LABEL_CHARACTERS = 1_000;
const MAX_SIGNAL_VALUES = 20_000;

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
        signals: z
          .record(z.string(), z.array(z.number().nullable()).max(MAX_SIGNAL_VALUES))
          .optional()
          .openapi({ description: 'For trained classifiers. `null` where a value is missing.' }),
      })
      .refine((input) => Object.values(input).some((value) => value !== undefined), {
        error: 'expected at least one of "image", "audio", "text", "signals"',
      }),
    labels: z.array(labelSchema).min(1).optional(),
    classifier: z
      .string()
      .min(1)
      .optional()
      .openapi({ description: 'Name of a trained classifier, instead of labels.' }),
    multiLabel: z
      .boolean()
      .default(false)
      .openapi({ description: 'Each label by itself instead of one distribution over all.' }),
  })
  .refine((request) => (request.labels === undefined) !== (request.classifier === undefined), {
    error: 'expected either "labels" or "classifier"',
  })
  .openapi('ClassifyRequest');

const labelsSchema = z.array(z.object({ name: z.string(), probability: z.number() }));

const classifyAnswerSchema = z
  .object({
    labels: labelsSchema.openapi({ description: 'Of several label sets, those of the first one.' }),
    tasks: z.record(z.string(), labelsSchema).optional().openapi({ description: 'Each label set of a classifier.' }),
    weights: z.record(z.string(), z.record(z.string(), z.number())).optional().openapi({
      description: 'For each label set how much each kind of content counted (decision and attention fusion).',
    }),
    model: z.string(),
  })
  .openapi('ClassifyAnswer');

const classify = createRoute({
  method: 'post',
  path: '/v1/classify',
  tags: ['Classification'],
  summary: 'Sort content into classes that are given in words, or by a trained classifier',
  request: { body: jsonBody(classifyRequestSchema) },
  responses: { 200: jsonAnswer(classifyAnswerSchema, 'All labels, the most probable first.'), ...problemAnswer },
});

type WireRequest = z.infer<typeof classifyRequestSchema>;

export function registerClassifyRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(classify, async (c) => {
    const { input, labels: wireLabels, classifier, multiLabel } = c.req.valid('json');
    if (classifier !== undefined) return c.json(await classifyTrained(deps, classifier, input), 200);
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

async function classifyTrained(
  deps: AppDependencies,
  name: string,
  { signals, ...content }: WireRequest['input'],
): Promise<z.infer<typeof classifyAnswerSchema>> {
  const read = new Set((await deps.classifiers.reads(name)).map(({ kind }) => kind));
  const used = Object.fromEntries(Object.entries(content).filter(([kind]) => read.has(kind as Modality)));
  const vectors = await embedInput(deps, used); // what it does not read need not be embedded
  const { card, tasks, weights } = await deps.classifiers.classify(name, { vectors, ...(signals && { signals }) });
  const sorted = Object.fromEntries(Object.entries(tasks).map(([task, labels]) => [task, [...labels]]));
  const labels = sorted[card.tasks[0]!.name]!;
  return { labels, tasks: sorted, ...(weights && { weights: { ...weights } }), model: `${name}@${card.version}` };
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

function invalid(path: string, message: string): ChiasmError {
  return new ChiasmError('invalid_request', message, { issues: [{ path, message }] });
}
