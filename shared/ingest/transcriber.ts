/**
 * What is said in sounds, as parts of their items: found by words, each with its seconds, without a vector of its own. One sound
 * at a time, so that a spoken question finds the model free; and none twice: every space of a set asks for the same ones.
 */

import type { Part } from '#shared/catalog/item.ts';
import { toChiasmError } from '#shared/core/errors.ts';
import { decodeAudio } from '#shared/media/decode-audio.ts';
import type { AudioFormat } from '#shared/media/detect-media-type.ts';
import type { MediaLimits } from '#shared/media/limits.ts';
import type { SpeechToText } from '#shared/speech/speech-to-text.ts';

export interface SoundFile {
  readonly bytes: Uint8Array;
  readonly format: AudioFormat;
  /** SHA-256 of the bytes. */
  readonly digest: string;
}

export interface Transcriber {
  /** Name of the model, which is recorded with what it heard. */
  readonly model: string;
  /** In the order of time; none where no words are heard. */
  transcribe(sound: SoundFile): Promise<readonly Part[]>;
}

const REMEMBERED_SOUNDS = 1_000;

export function createTranscriber(speech: SpeechToText, limits: MediaLimits): Transcriber {
  const heard = new Map<string, Promise<readonly Part[]>>();
  let last: Promise<unknown> = Promise.resolve();

  const hear = async ({ bytes, format }: SoundFile): Promise<readonly Part[]> => {
    const { sampleRateHz } = speech;
    const { samples, durationSeconds } = await decodeAudio(bytes, format, { sampleRateHz, limits });
    const transcript = await speech.transcribe(samples).catch((thrown) => {
      const error = toChiasmError(thrown);
      if (error.code === 'corrupt_input') return undefined; // a sound without words is none the worse for it
      throw error;
    });
    if (transcript === undefined) return [];
    const { text, segments } = transcript;
    if (segments.length === 0) return [{ range: { startSeconds: 0, endSeconds: durationSeconds }, text }];
    return segments.map(({ text: said, startSeconds, endSeconds }) => {
      return { range: { startSeconds, endSeconds: Math.min(endSeconds, durationSeconds) }, text: said };
    });
  };

  return {
    model: speech.name,
    transcribe: (sound) => {
      const known = heard.get(sound.digest);
      if (known !== undefined) return known;
      const hearing = last.then(() => hear(sound));
      last = hearing.catch(() => {});
      heard.set(sound.digest, hearing);
      hearing.catch(() => heard.delete(sound.digest)); // the next one tries again
      if (heard.size > REMEMBERED_SOUNDS) heard.delete(heard.keys().next().value!);
      return hearing;
    },
  };
}
