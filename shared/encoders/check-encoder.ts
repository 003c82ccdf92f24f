/**
 * Does an encoder work on this machine? Some graphs load and run on an accelerator, or quantised, and are wrong: they
 * give one vector for everything, or another vector in a batch than alone. Run it once after a model is changed.
 */

import type { Issue } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot, row } from '#shared/core/vector.ts';
import type { Pixels } from '#shared/media/image.ts';
import type { Encoder } from './encoder.ts';

export interface CheckOptions {
  /** What the same model gives where it is known to work (on the CPU): every vector is compared with its own. */
  readonly reference?: ReferenceVectors;
  /** Least cosine with the reference. @default 0.98, which int8 reaches and a broken graph does not */
  readonly minReferenceCosine?: number;
}

/** Rows [2, D] for the two fixed contents of each modality. */
export type ReferenceVectors = Readonly<Partial<Record<Modality, Float32Array>>>;

/** Least cosine of a row alone and in a batch: int8 with dynamic ranges moves it a little. */
const MIN_BATCH_COSINE = 0.99;
/** Contents as different as these never come so near in a model that works. */
const MAX_DISTINCT_COSINE = 0.9999;

/** What is wrong, by modality; empty when all is well. */
export async function checkEncoder(encoder: Encoder, options: CheckOptions = {}): Promise<Issue[]> {
  const issues: Issue[] = [];
  for (const modality of encoder.modalities) {
    const probes = probesOf(encoder, modality);
    const together = await probes.embed(encoder, [0, 1]);
    const alone = await probes.embed(encoder, [1]);
    const { dimensions } = encoder.space;
    const [first, second] = [row(together, dimensions, 0), row(together, dimensions, 1)];
    const report = (message: string) => issues.push({ path: modality, message });

    const distinct = dot(first, second);
    if (!(distinct < MAX_DISTINCT_COSINE)) report(`gives the same vector for different content (cosine ${distinct})`);
    const batch = dot(second, alone);
    if (!(batch >= MIN_BATCH_COSINE)) report(`gives another vector in a batch than alone (cosine ${batch})`);
    const expected = options.reference?.[modality];
    if (expected === undefined) continue;
    const nearest = Math.min(dot(first, row(expected, dimensions, 0)), dot(second, row(expected, dimensions, 1)));
    if (!(nearest >= (options.minReferenceCosine ?? 0.98))) report(`differs from the reference (cosine ${nearest})`);
  }
  return issues;
}

/** What `checkEncoder` compares with, from an encoder that is known to work. */
export async function referenceVectors(encoder: Encoder): Promise<ReferenceVectors> {
  const vectors: Partial<Record<Modality, Float32Array>> = {};
  for (const modality of encoder.modalities)
    vectors[modality] = await probesOf(encoder, modality).embed(encoder, [0, 1]);
  return vectors;
}

interface Probes {
  /** Rows for the chosen ones of two fixed, very different contents. */
  embed(encoder: Encoder, chosen: readonly (0 | 1)[]): Promise<Float32Array>;
}

function probesOf(encoder: Encoder, modality: Modality): Probes {
  const pick = <Content>(contents: readonly [Content, Content], chosen: readonly (0 | 1)[]) =>
    chosen.map((i) => contents[i]);
  if (modality === 'text') {
    const texts = ['a red car', 'two dogs are running in the grass'] as const;
    return { embed: (target, chosen) => target.embedTexts(pick(texts, chosen)) };
  }
  if (modality === 'image') {
    const pictures = [picture(encoder, () => [255, 0, 0]), picture(encoder, (x, y) => [0, x, y])] as const;
    return { embed: (target, chosen) => target.embedImages(pick(pictures, chosen)) };
  }
  const clips = [tone(encoder, 200), tone(encoder, 3000)] as const;
  return { embed: (target, chosen) => target.embedAudio(pick(clips, chosen)) };
}

/** A picture of the encoder's geometry; `colour` gets x and y from 0 to 255. */
function picture(encoder: Encoder, colour: (x: number, y: number) => readonly [number, number, number]): Pixels {
  const { width = 1, height = 1 } = encoder.image ?? {};
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data.set(colour(((i % width) / width) * 255, (Math.floor(i / width) / height) * 255), i * 3);
  }
  return { width, height, data };
}

/** One second, or the window where that is shorter. */
function tone(encoder: Encoder, hz: number): Float32Array {
  const { sampleRateHz = 16_000, windowSeconds = 1 } = encoder.audio ?? {};
  const samples = Math.floor(sampleRateHz * Math.min(1, windowSeconds));
  return Float32Array.from({ length: samples }, (_, s) => 0.5 * Math.sin((2 * Math.PI * hz * s) / sampleRateHz));
}
