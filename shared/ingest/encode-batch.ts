/** Prepared objects through the encoder: one call for each modality, the vectors put back where they belong. */

import type { Change, Part } from '#shared/catalog/item.ts';
import type { Clock } from '#shared/core/clock.ts';
import { type ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { row } from '#shared/core/vector.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { EncoderInput, Prepared } from './prepare.ts';

export type EncodedObject = { readonly change: Change } | { readonly fault: ChiasmError };

/**
 * One result for each object, in order. When a batch fails as a whole each of its objects is tried alone, so that one
 * that the model cannot take does not take others with it.
 */
export async function encodeBatch(
  encoder: Encoder,
  batch: readonly Prepared[],
  clock: Clock,
): Promise<EncodedObject[]> {
  try {
    const vectors = await embedInputs(
      encoder,
      batch.flatMap((object) => object.inputs),
    );
    let next = 0;
    return batch.map((object) => {
      const first = next;
      next += object.inputs.length;
      return { change: toChange(object, vectors.slice(first, next), clock) };
    });
  } catch (thrown) {
    if (batch.length === 1) return [{ fault: toChiasmError(thrown) }];
    const results: EncodedObject[] = [];
    for (const object of batch) results.push(...(await encodeBatch(encoder, [object], clock)));
    return results;
  }
}

/** A vector [D] for each input; undefined where the model has no tower for its modality. */
async function embedInputs(encoder: Encoder, inputs: readonly EncoderInput[]): Promise<(Float32Array | undefined)[]> {
  const vectors = new Array<Float32Array | undefined>(inputs.length);
  const embed = async <M extends EncoderInput['modality']>(
    modality: M,
    encode: (chosen: Extract<EncoderInput, { modality: M }>[]) => Promise<Float32Array>,
  ) => {
    const places = inputs.flatMap((input, place) => (input.modality === modality ? [place] : []));
    if (places.length === 0 || !encoder.modalities.has(modality)) return;
    const matrix = await encode(places.map((place) => inputs[place] as Extract<EncoderInput, { modality: M }>));
    places.forEach((place, i) => {
      vectors[place] = row(matrix, encoder.space.dimensions, i);
    });
  };
  await embed('image', (chosen) => encoder.embedImages(chosen.map((input) => input.pixels)));
  await embed('audio', (chosen) => encoder.embedAudio(chosen.map((input) => input.samples)));
  await embed('text', (chosen) => encoder.embedTexts(chosen.map((input) => input.text)));
  return vectors;
}

function toChange(object: Prepared, vectors: readonly (Float32Array | undefined)[], clock: Clock): Change {
  const parts = object.inputs.map((input, i): Part => {
    const vector = vectors[i];
    return {
      range: input.range,
      ...(input.modality === 'text' && { text: input.text }),
      ...(vector !== undefined && { vector }),
    };
  });
  const item = { ...object.item, indexedAt: new Date(clock.now()).toISOString() };
  return { operation: 'put', item, parts: object.parts ?? [...parts, ...(object.transcript ?? [])] };
}
