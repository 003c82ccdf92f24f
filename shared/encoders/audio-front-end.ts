/** What a sound tower takes, by the feature extractor that its folder names: the samples themselves, or log-mel frames. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { AudioPreprocessor, MelPreprocessor, SamplesPreprocessor } from '#shared/models/model-config.ts';
import type { Tensor } from '#shared/runtime/session.ts';
import { audioTensor, paddedLength } from './audio-tensor.ts';
import { createLogMel } from './log-mel.ts';

export interface AudioFrontEnd {
  /** The tower's input. */
  readonly input: 'input_values' | 'input_features';
  /** Clips of one length may share a run. It depends on the clip alone, so that its batch changes nothing. */
  paddedLength(clip: Float32Array): number;
  /** Clips [S] of one padded length as one tensor. */
  tensor(clips: readonly Float32Array[], length: number): Promise<Tensor>;
}

export function createAudioFrontEnd(config: AudioPreprocessor): AudioFrontEnd {
  return config.feature_extractor_type === 'ClapFeatureExtractor' ? melFrontEnd(config) : samplesFrontEnd(config);
}

function samplesFrontEnd(config: SamplesPreprocessor): AudioFrontEnd {
  return {
    input: 'input_values',
    paddedLength: (clip) => paddedLength(clip, config),
    tensor: async (clips, length) => audioTensor(clips, length, config),
  };
}

/** [B, 1, T, F]. */
function melFrontEnd(config: MelPreprocessor): AudioFrontEnd {
  const longest = Math.round(config.max_length_s * config.sampling_rate);
  const logMel = createLogMel(config);
  const clipValues = logMel.frames * config.feature_size;
  return {
    input: 'input_features',
    paddedLength: (clip) => {
      if (clip.length <= longest) return longest;
      throw new ChiasmError('invalid_request', `expected at most ${longest} samples; got ${clip.length}`);
    },
    tensor: async (clips) => {
      const data = new Float32Array(clips.length * clipValues);
      for (const [b, clip] of clips.entries()) {
        if (b > 0) await new Promise(setImmediate); // some 20 ms each: a server answers in between
        logMel.write(clip, data, b * clipValues);
      }
      return { type: 'float32', shape: [clips.length, 1, logMel.frames, config.feature_size], data };
    },
  };
}
