/** Samples to the tensor that a sound tower takes: padded, and normalised where the model asks for it. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { SamplesPreprocessor } from '#shared/models/model-config.ts';
import type { Tensor } from '#shared/runtime/session.ts';

/** Added to the variance by Wav2Vec2FeatureExtractor (transformers). */
const VARIANCE_FLOOR = 1e-7;

/** Length in samples to which a clip is padded. It depends on the clip alone, so that its batch changes nothing. */
export function paddedLength(clip: Float32Array, config: SamplesPreprocessor): number {
  const longest = Math.round(config.max_length_s * config.sampling_rate);
  if (clip.length > longest) {
    throw new ChiasmError(
      'invalid_request',
      `expected at most ${longest} samples; got ${clip.length}: cut it into windows`,
    );
  }
  return Math.max(1, clip.length, Math.round((config.min_length_s ?? 0) * config.sampling_rate));
}

/** Clips of one padded length S as [B, S]. */
export function audioTensor(clips: readonly Float32Array[], length: number, config: SamplesPreprocessor): Tensor {
  const data = new Float32Array(clips.length * length).fill(config.padding_value);
  clips.forEach((clip, b) => {
    data.set(config.do_normalize ? standardise(clip) : clip, b * length);
  });
  return { type: 'float32', shape: [clips.length, length], data };
}

/** (x - mean(x)) / sqrt(var(x) + 1e-7), [S]. */
function standardise(clip: Float32Array): Float32Array {
  const mean = clip.reduce((sum, value) => sum + value, 0) / Math.max(1, clip.length);
  const variance = clip.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, clip.length);
  const scale = 1 / Math.sqrt(variance + VARIANCE_FLOOR);
  return clip.map((value) => (value - mean) * scale);
}
