/**
 * The model card, `chiasm.json`: what Chiasm knows of a model beyond the Hugging Face files. Optional; a folder
 * without one works, but has no calibration, hence no match probabilities.
 */

import { z } from 'zod';
import { MODALITIES, type Modality } from '#shared/core/modality.ts';

/** A path below the model's folder: relative, no `..`, no backslash. */
export const relativePath = z
  .string()
  .min(1)
  .refine((path) => !/^\/|\\|^[A-Za-z]:/.test(path) && !path.split('/').includes('..'), {
    error: 'expected a path inside the folder of the model',
  });

const calibration = z.object({ scale: z.number().positive(), bias: z.number() });
const modality = z.enum(MODALITIES);

/** Pairs may be written in either order (`text-image`); they come out alphabetical (`image-text`). */
export const calibrations = z.record(z.string(), calibration).transform((byPair, context) => {
  const ordered: Partial<Record<`${Modality}-${Modality}`, z.output<typeof calibration>>> = {};
  for (const [pair, value] of Object.entries(byPair)) {
    const names = z.tuple([modality, modality]).safeParse(pair.split('-').sort());
    if (!names.success) {
      context.addIssue({ code: 'custom', path: [pair], message: `expected two of ${MODALITIES.join(', ')}` });
      continue;
    }
    ordered[`${names.data[0]}-${names.data[1]}`] = value;
  }
  return ordered;
});

const template = z.string().includes('{}', { error: 'expected a template with {} for the name' });

export const modelName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, { error: 'expected lower-case letters, digits, ".", "_", "-"' });

export const modelFiles = z.record(
  relativePath,
  z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.int().nonnegative() }),
);

export const queryTemplates = z.partialRecord(modality, z.array(template).min(1));

export const modelCardSchema = z.object({
  name: modelName,
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/),
  licence: z.string().min(1),
  summary: z.string().default(''),
  dimensions: z.int().positive().max(16_384),
  modalities: z.array(modality).min(1),
  /** Every file that decides on the vectors, by its path in the folder. */
  files: modelFiles,
  calibration: calibrations.default({}),
  queryTemplates: queryTemplates.optional(),
  metrics: z
    .array(
      z.object({
        name: z.string(),
        value: z.number(),
        low: z.number().nullish(),
        high: z.number().nullish(),
        chance: z.number().nullish(),
        n: z.number().nullish(),
        clipVitB32: z.number().nullish(),
      }),
    )
    .default([]),
  limits: z.array(z.string()).default([]),
  data: z.array(z.object({ name: z.string(), licence: z.string(), use: z.string() })).default([]),
});

/** Of models that embed nothing: they answer questions, or write down speech. */
export const taskCardSchema = modelCardSchema.omit({
  dimensions: true,
  modalities: true,
  calibration: true,
  queryTemplates: true,
});

export type ModelCard = z.output<typeof modelCardSchema>;
/** What a person who uses the model should know. */
export type ModelFacts = Pick<TaskCard, 'licence' | 'summary' | 'metrics'>;
export type TaskCard = z.output<typeof taskCardSchema>;
