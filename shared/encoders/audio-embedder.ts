/** Sounds to vectors. Clips of equal length share a run; others are never padded to each other's length. */

import type { AudioPreprocessor } from '#shared/models/model-config.ts';
import { createAudioFrontEnd } from './audio-front-end.ts';
import type { Tower } from './tower.ts';

export interface AudioEmbedder {
  embed(clips: readonly Float32Array[]): Promise<Float32Array>;
  /** The vector [D] of a fixed sound. */
  probe(): Promise<Float32Array>;
}

const PROBE_HZ = 440;

export function createAudioEmbedder(tower: Tower, config: AudioPreprocessor, maxBatch: number): AudioEmbedder {
  const frontEnd = createAudioFrontEnd(config);
  const batchSize = tower.fixedInputSize(0) ?? maxBatch;

  const embed = async (clips: readonly Float32Array[]): Promise<Float32Array> => {
    const byLength = Map.groupBy(clips.keys(), (i) => frontEnd.paddedLength(clips[i]!));
    let embeddings = new Float32Array(0);
    for (const [length, members] of byLength) {
      for (let start = 0; start < members.length; start += batchSize) {
        const chosen = members.slice(start, start + batchSize);
        const tensor = await frontEnd.tensor(
          chosen.map((i) => clips[i]!),
          length,
        );
        const vectors = await tower.embed({ [frontEnd.input]: tensor }, chosen.length);
        const dimensions = vectors.length / chosen.length;
        if (embeddings.length === 0) embeddings = new Float32Array(clips.length * dimensions);
        chosen.forEach((i, b) => {
          embeddings.set(vectors.subarray(b * dimensions, (b + 1) * dimensions), i * dimensions);
        });
      }
    }
    return embeddings;
  };

  const tone = Float32Array.from({ length: config.sampling_rate }, (_, s) =>
    Math.sin((2 * Math.PI * PROBE_HZ * s) / config.sampling_rate),
  );
  const probeSamples = Math.min(tone.length, Math.round(config.max_length_s * config.sampling_rate));
  return { embed, probe: () => embed([tone.subarray(0, probeSamples)]) };
}
