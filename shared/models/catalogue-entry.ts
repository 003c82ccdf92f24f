/** What is known of a model before it is pulled. The catalogue's own entries and those of a user's file have the same schema. */

import { z } from 'zod';
import { MODALITIES } from '#shared/core/modality.ts';
import { calibrations, modelFiles, modelName, queryTemplates, relativePath } from './model-card.ts';

const sha256 = modelFiles.valueType.shape.sha256;

const catalogueFile = z.object({
  /** In the repository and in the model's folder. */
  path: relativePath,
  /** Unknown for small files of which nobody has published the size; what the server says counts then. */
  sizeBytes: z.int().nonnegative().optional(),
  sha256: sha256.optional(),
});

export const catalogueEntrySchema = z
  .object({
    name: modelName,
    summary: z.string().min(1),
    /** `owner/name` at the hub, or below a mirror. */
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, { error: 'expected owner/name' }),
    /** The commit: what is pulled never changes. */
    revision: z.string().regex(/^[0-9a-f]{40}$/, { error: 'expected a whole commit, 40 hexadecimal digits' }),
    licence: z.object({
      name: z.string().min(1),
      commercialUse: z.boolean(),
      note: z.string().optional(),
    }),
    /** `speech`: it writes down what is said. It embeds when absent. */
    task: z.literal('speech').optional(),
    /** Of its vectors, where it embeds. */
    dimensions: z.int().positive().optional(),
    modalities: z.array(z.enum(MODALITIES)).min(1),
    languages: z.string().min(1),
    files: z.array(catalogueFile).min(1),
    /** Of all files together, where not every size is known. */
    approximateBytes: z.int().positive().optional(),
    calibration: calibrations.optional(),
    queryTemplates: queryTemplates.optional(),
    /** Figures that others have published. */
    published: z
      .array(z.object({ metric: z.string(), value: z.number().min(0).max(1), source: z.string() }))
      .default([]),
  })
  .refine(({ task, dimensions }) => task === 'speech' || dimensions !== undefined, {
    error: 'expected a number: the model embeds',
    path: ['dimensions'],
  });

export type CatalogueEntry = z.output<typeof catalogueEntrySchema>;
export type CatalogueFile = CatalogueEntry['files'][number];

/** Bytes to download, as far as they are known. */
export function downloadBytes(entry: CatalogueEntry): number {
  const known = entry.files.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  return Math.max(known, entry.approximateBytes ?? 0);
}
