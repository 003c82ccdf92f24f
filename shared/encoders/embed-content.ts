/**
 * Content that comes inside a request (a dropped picture, a recorded question) as one vector. Ingestion does not use
 * this: it overlaps decoding with inference and keeps the windows of a sound apart.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { normalize } from '#shared/core/vector.ts';
import { cutWindows } from '#shared/media/cut-windows.ts';
import type { ImageGeometry, Pixels } from '#shared/media/image.ts';
import type { Encoder } from './encoder.ts';

/** How bytes become what an encoder takes; `shared/media` provides both. They throw for what they cannot read. */
export interface ContentDecoders {
  /** Upright pixels in exactly the geometry asked. */
  image(bytes: Uint8Array, geometry: ImageGeometry): Promise<Pixels>;
  /** Mono samples [S] in [-1, 1] at the rate asked. */
  audio(bytes: Uint8Array, sampleRateHz: number): Promise<Float32Array>;
}

export interface ContentEmbedder {
  /** One normalised vector [D] for each text; the beginning of a text counts, as far as the model reads. */
  texts(texts: readonly string[]): Promise<readonly Float32Array[]>;
  /** Normalised [D]. @throws ChiasmError when the bytes are no readable picture or the model has no picture tower */
  image(bytes: Uint8Array): Promise<Float32Array>;
  /** Normalised [D]: the mean over the sound's windows. */
  audio(bytes: Uint8Array): Promise<Float32Array>;
}

/** Far more than a model's 64 or 77 tokens can hold: splitting a megabyte into tokens would stop the process for seconds. */
const MAX_TEXT_CHARACTERS = 16_384;

export function createContentEmbedder(encoder: Encoder, decoders: ContentDecoders): ContentEmbedder {
  return {
    async texts(texts) {
      if (texts.length === 0) return [];
      requireModality(encoder, 'text');
      const cut = texts.map((text) => text.slice(0, MAX_TEXT_CHARACTERS));
      return rows(await encoder.embedTexts(cut), encoder.space.dimensions);
    },
    async image(bytes) {
      requireModality(encoder, 'image');
      const pixels = await decoders.image(bytes, encoder.image!);
      return encoder.embedImages([pixels]);
    },
    async audio(bytes) {
      requireModality(encoder, 'audio');
      const { sampleRateHz, windowSeconds } = encoder.audio!;
      const samples = await decoders.audio(bytes, sampleRateHz);
      const vectors: Float32Array[] = [];
      for (const window of cutWindows(samples, sampleRateHz, windowSeconds)) {
        vectors.push(await encoder.embedAudio([window.samples])); // one by one: memory stays that of one window
      }
      if (vectors.length === 0) throw new ChiasmError('corrupt_input', 'expected a sound, got one without any samples');
      return meanDirection(vectors);
    },
  };
}

/**
 * normalise(sum_i v_i): the mean direction of vectors [D]; the one vector itself when there is one.
 * @throws ChiasmError `invalid_request` when there is none, or when they cancel out
 */
export function meanDirection(vectors: readonly Float32Array[]): Float32Array {
  const [first] = vectors;
  if (first === undefined) throw new ChiasmError('invalid_request', 'expected at least one vector to take the mean of');
  if (vectors.length === 1) return first;
  const sum = new Float32Array(first.length);
  for (const vector of vectors) for (let d = 0; d < sum.length; d++) sum[d] = sum[d]! + vector[d]!;
  return normalize(sum);
}

function requireModality(encoder: Encoder, modality: Modality): void {
  const tower = modality === 'text' ? true : encoder[modality] !== undefined;
  if (encoder.modalities.has(modality) && tower) return;
  const known = [...encoder.modalities].join(', ');
  throw new ChiasmError(
    'unsupported_modality',
    `the model ${encoder.space.id} cannot embed ${modality}; it embeds ${known}. Choose a model with a tower for ${modality}`,
  );
}

function rows(matrix: Float32Array, dimensions: number): Float32Array[] {
  return Array.from({ length: matrix.length / dimensions }, (_, i) =>
    matrix.subarray(i * dimensions, (i + 1) * dimensions),
  );
}
