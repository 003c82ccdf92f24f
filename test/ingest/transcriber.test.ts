import { describe, expect, it } from 'vitest';
import { ChiasmError } from '#shared/core/errors.ts';
import { createTranscriber, type SoundFile } from '#shared/ingest/transcriber.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import type { SpeechToText, Transcript } from '#shared/speech/speech-to-text.ts';
import { DEEP_HZ, toneFile } from '../speech/tones.ts';

const bytes = toneFile([DEEP_HZ, 1]);
const sound = (digest: string): SoundFile => ({ bytes, format: 'wav', digest });

/** Says what it is told to, and remembers what it was asked. */
function listening(say: (samples: Float32Array) => Promise<Transcript>) {
  const asked: number[] = [];
  const speech: SpeechToText = {
    name: 'listener',
    sampleRateHz: 8_000,
    transcribe: (samples) => {
      asked.push(samples.length);
      return say(samples);
    },
    close: async () => {},
  };
  return { asked, transcriber: createTranscriber(speech, DEFAULT_MEDIA_LIMITS) };
}

const hello: Transcript = { text: 'hello', segments: [{ startSeconds: 0.2, endSeconds: 30, text: 'hello' }] };

describe('a transcriber', () => {
  it('gives each segment as a part without a vector, inside the sound, from samples at the rate of the model', async () => {
    const { asked, transcriber } = listening(async () => hello);
    expect(transcriber.model).toBe('listener');
    expect(await transcriber.transcribe(sound('a'))).toEqual([
      { range: { startSeconds: 0.2, endSeconds: 1 }, text: 'hello' },
    ]);
    expect(asked).toEqual([8_000]);
  });

  it('gives a transcript without times as one part', async () => {
    const { transcriber } = listening(async () => ({ text: 'hello', segments: [] }));
    const range = { startSeconds: 0, endSeconds: 1 };
    expect(await transcriber.transcribe(sound('a'))).toEqual([{ range, text: 'hello' }]);
  });

  it('hears a sound once, whoever asks', async () => {
    const { asked, transcriber } = listening(async () => hello);
    const parts = await Promise.all(['a', 'a', 'b', 'a'].map((digest) => transcriber.transcribe(sound(digest))));
    expect(asked).toHaveLength(2);
    expect(parts[3]).toBe(parts[0]);
  });

  it('takes one sound at a time', async () => {
    let running = 0;
    let most = 0;
    const { transcriber } = listening(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return hello;
    });
    await Promise.all(['a', 'b', 'c'].map((digest) => transcriber.transcribe(sound(digest))));
    expect(most).toBe(1);
  });

  it('takes a sound without words for one, and tries again after a fault', async () => {
    const { transcriber } = listening(() => Promise.reject(new ChiasmError('corrupt_input', 'no speech was heard')));
    expect(await transcriber.transcribe(sound('a'))).toEqual([]);
    let faults = 1;
    const { transcriber: shaky } = listening(async () => {
      if (faults-- > 0) throw new Error('the thread has ended');
      return hello;
    });
    await expect(shaky.transcribe(sound('a'))).rejects.toMatchObject({ code: 'internal' });
    expect(await shaky.transcribe(sound('a'))).toHaveLength(1);
  });
});
