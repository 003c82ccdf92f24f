/**
 * `golden.json` in a model folder: the vectors that the model gives on the CPU for fixed contents, written when the model is
 * packed. A machine with an accelerator compares its own with them before it takes work.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ChiasmError, type Issue } from '#shared/core/errors.ts';
import { MODALITIES } from '#shared/core/modality.ts';
import { readJson } from '#shared/models/read-json.ts';
import { checkEncoder, type ReferenceVectors, referenceVectors } from './check-encoder.ts';
import type { Encoder } from './encoder.ts';

const FILE = 'golden.json';
const DECIMALS = 6;

const rows = z.array(z.number()).transform((values) => Float32Array.from(values));
const goldenSchema = z.object({
  space: z.string(),
  vectors: z.partialRecord(z.enum(MODALITIES), rows),
});

/** Computes the vectors with `encoder`, which must run on the CPU, and writes them into its folder. */
export async function writeGoldenVectors(folder: string, encoder: Encoder): Promise<void> {
  const vectors = Object.entries(await referenceVectors(encoder)).map(([modality, values]) => {
    return [modality, Array.from(values, (value) => Number(value.toFixed(DECIMALS)))] as const;
  });
  const golden: z.input<typeof goldenSchema> = { space: encoder.space.id, vectors: Object.fromEntries(vectors) };
  await writeFile(join(folder, FILE), `${JSON.stringify(golden)}\n`);
}

/**
 * Embeds the fixed contents and compares.
 * @returns `unverified` when the folder has no golden vectors: then only what is wrong in itself is found
 * @throws ChiasmError `model_invalid` with all that is wrong
 */
export async function verifyEncoder(folder: string, encoder: Encoder): Promise<'verified' | 'unverified'> {
  const golden = await readJson(folder, FILE, goldenSchema);
  const reference = golden && referenceOf(folder, golden, encoder);
  const issues = await checkEncoder(encoder, reference === undefined ? {} : { reference });
  if (issues.length > 0) throw wrong(folder, issues);
  return reference === undefined ? 'unverified' : 'verified';
}

function referenceOf(folder: string, golden: z.output<typeof goldenSchema>, encoder: Encoder): ReferenceVectors {
  const { id, dimensions } = encoder.space;
  const misfit = Object.entries(golden.vectors).find(([, values]) => values.length !== 2 * dimensions);
  if (golden.space === id && misfit === undefined) return golden.vectors;
  const found = misfit === undefined ? golden.space : `${misfit[1].length} numbers for ${misfit[0]}`;
  throw wrong(folder, [
    { path: FILE, message: `expected vectors of ${id} with ${dimensions} dimensions; got ${found}` },
  ]);
}

function wrong(folder: string, issues: readonly Issue[]): ChiasmError {
  const list = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new ChiasmError('model_invalid', `the model in ${folder} gives wrong vectors on this machine: ${list}`, {
    issues,
  });
}
