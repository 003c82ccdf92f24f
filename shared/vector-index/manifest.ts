/** The manifest (which generation is live) and a generation's description. Small JSON, read through schemas. */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

const manifestSchema = z.object({
  format: z.literal(1),
  space: z.string(),
  generation: z.int().positive(),
  ulid: z.string().length(26),
  /** SHA-256 of generation.json. */
  digest,
  writtenAt: z.iso.datetime(),
});

export type Manifest = z.infer<typeof manifestSchema>;

const graphSchema = z.object({
  modality: z.string().regex(/^[a-z]+$/),
  /** Of its points: D, or fewer when they are projections. */
  dimensions: z.int().positive(),
  /** Points that can be found. */
  points: count,
  pointsWhenBuilt: count,
  /** Points moved or deleted since it was last built anew. */
  changes: count,
  /** Mean of 1 - |P x|^2 over its points when it was built. */
  residual: z.number(),
});

export type GraphDescription = z.infer<typeof graphSchema>;

const generationSchema = z.object({
  format: z.literal(2),
  space: z.string(),
  dimensions: z.int().positive(),
  generation: z.int().positive(),
  writtenAt: z.iso.datetime(),
  items: count,
  parts: count,
  /** Parts that have a vector. */
  vectors: count,
  /** Rows of vectors.f32 [rows, D]. A row without a part is zero, free for the next vector, and deleted in its graph. */
  rows: count,
  tombstones: count,
  /** One for each modality that has vectors. */
  graphs: z.array(graphSchema),
  graph: z.object({ m: count, efConstruction: count, seed: count }),
  /** Size and SHA-256 by file name. Without vectors there is a catalog only. */
  files: z.record(z.string(), z.object({ sizeBytes: count, digest })),
  /** Names of the deltas that this generation holds and that were still in the store when it was written. */
  folded: z.array(z.string()),
});

export type GenerationDescription = z.infer<typeof generationSchema>;

export const GENERATION_FILES = {
  description: 'generation.json',
  catalog: 'catalog.sqlite',
  vectors: 'vectors.f32',
} as const;

export function graphFile(modality: string): string {
  return `graph-${modality}.hnsw`;
}

/** The orthonormal directions P [d, D] of the graph's points; absent when the points are the vectors themselves. */
export function projectionFile(modality: string): string {
  return `projection-${modality}.f32`;
}

/** @throws ChiasmError `state_corrupt` naming `key` and the first place that does not fit */
export function parseManifest(bytes: Uint8Array, key: string): Manifest {
  return parseJson(manifestSchema, bytes, key);
}

/** @throws ChiasmError `state_corrupt` naming `key` and the first place that does not fit */
export function parseGeneration(bytes: Uint8Array, key: string): GenerationDescription {
  return parseJson(generationSchema, bytes, key);
}

export function encodeJson(value: Manifest | GenerationDescription): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, null, 1));
}

function parseJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, key: string): T {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `${key} is damaged: expected JSON in its ${bytes.byteLength} bytes`, {
      cause,
    });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new ChiasmError('state_corrupt', `${key} does not fit its schema at ${issue.path.join('/')}: ${issue.message}`);
}
