/**
 * Speech without a speech model: the sound tower tells a few spoken words apart, by the nearest of their texts. It hears
 * commands and short replies, not sentences, and says so when it hears something else.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import { softmax } from '#shared/core/probability.ts';
import { dot } from '#shared/core/vector.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { modalityPair } from '#shared/encoders/space.ts';
import type { SpeechToText } from './speech-to-text.ts';

/** What the bundled model was trained to hear. */
export const COMMAND_WORDS = ['yes', 'no', 'up', 'down', 'left', 'right', 'on', 'off', 'stop', 'go'] as const;
/** A word less probable than this among the others was not one of them. */
const LEAST_PROBABILITY = 0.5;
/** Where the model has no calibration: CLIP's temperature at its bound. */
const DEFAULT_SCALE = 100;

/** Undefined when the model has no towers for sound and text. */
export function createCommandSpeechToText(
  encoder: Pick<Encoder, 'space' | 'audio' | 'modalities' | 'embedAudio' | 'embedTexts'>,
): SpeechToText | undefined {
  const { audio, space } = encoder;
  if (audio === undefined || !encoder.modalities.has('text')) return undefined;
  const scale = space.calibration[modalityPair('audio', 'text')]?.scale ?? DEFAULT_SCALE;
  let words: Promise<readonly Float32Array[]> | undefined;

  return {
    name: space.id,
    sampleRateHz: audio.sampleRateHz,
    async transcribe(samples) {
      if (samples.length === 0) throw new ChiasmError('corrupt_input', 'expected a sound, got one without any samples');
      words ??= encoder
        .embedTexts(COMMAND_WORDS)
        .then((all) => COMMAND_WORDS.map((_, i) => all.slice(i * space.dimensions, (i + 1) * space.dimensions)));
      const known = await words;
      const window = samples.slice(0, Math.floor(audio.windowSeconds * audio.sampleRateHz));
      const heard = await encoder.embedAudio([window]);
      const probabilities = softmax(Float64Array.from(known, (word) => scale * dot(heard, word)));
      const best = probabilities.indexOf(Math.max(...probabilities));
      if (probabilities[best]! < LEAST_PROBABILITY) {
        throw new ChiasmError(
          'corrupt_input',
          `no word was recognised. Without a speech model only these are: ${COMMAND_WORDS.join(', ')}; ` +
            'start with --speech and a Whisper model folder to ask whole questions',
        );
      }
      return { text: COMMAND_WORDS[best]!, segments: [], confidence: probabilities[best]! };
    },
    close: async () => {}, // the encoder belongs to whoever opened it
  };
}
