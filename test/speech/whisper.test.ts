import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpeechToText } from '#shared/speech/speech-to-text.ts';
import { loadWhisper } from '#shared/speech/whisper.ts';
import { openWhisper } from '#shared/speech/whisper-speech-to-text.ts';
import { makeWhisper } from '../models/make-whisper.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { DEEP_HZ, HIGH_HZ, MIDDLE_HZ, tones } from './tones.ts';

describe('a model in the layout of Whisper', () => {
  let speech: SpeechToText;
  beforeAll(async () => {
    speech = await openWhisper(await makeWhisper(join(await temporaryFolder(), 'whisper'), { card: true }));
  });
  afterAll(() => speech.close());

  it('says what it is', () => {
    expect(speech).toMatchObject({ name: 'tiny-whisper-1', sampleRateHz: 16_000 });
  });

  it('writes down what is said, in the language that it hears', async () => {
    const { text, segments, confidence } = await speech.transcribe(tones([DEEP_HZ, 1.5]));
    expect(segments).toEqual([{ startSeconds: 0, endSeconds: 1, text: 'it is red' }]);
    expect(text).toBe('it is red');
    expect(confidence).toBeGreaterThan(0.8);
    expect(confidence).toBeLessThanOrEqual(1);
    expect((await speech.transcribe(tones([HIGH_HZ, 1.5]))).text).toBe('es ist blue');
  });

  it('goes on through a sound that is longer than a window, with the seconds of the whole', async () => {
    const { segments } = await speech.transcribe(tones([DEEP_HZ, 2], [MIDDLE_HZ, 2], [0, 2], [DEEP_HZ, 1.5]));
    expect(segments).toEqual([
      { startSeconds: 0, endSeconds: 1, text: 'it is red' },
      { startSeconds: 2, endSeconds: 3, text: 'it is green' },
      { startSeconds: 6, endSeconds: 7, text: 'it is red' },
    ]);
  });

  it('keeps to the language that it heard first', async () => {
    const { segments } = await speech.transcribe(tones([DEEP_HZ, 2], [HIGH_HZ, 2]));
    expect(segments.map(({ text }) => text)).toEqual(['it is red', 'it is blue']);
  });

  it('hears no words in silence and in nothing', async () => {
    for (const samples of [tones([0, 1]), new Float32Array(0)]) {
      await expect(speech.transcribe(samples)).rejects.toMatchObject({
        code: 'corrupt_input',
        message: expect.stringContaining('no speech'),
      });
    }
  });

  it('writes down what it is asked for at once', async () => {
    const asked = [DEEP_HZ, MIDDLE_HZ, DEEP_HZ].map((hz) => speech.transcribe(tones([hz, 1])));
    expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(['it is red', 'it is green', 'it is red']);
  });
});

it('is closed in the middle of a sound, with what waits for it', async () => {
  const speech = await openWhisper(await makeWhisper(join(await temporaryFolder(), 'closed'), { card: true }));
  const asked = Promise.allSettled([1, 2, 3].map(() => speech.transcribe(tones([DEEP_HZ, 60]))));
  await speech.close();
  for (const outcome of await asked) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { code: 'internal' },
    });
  }
});

it('is stopped between two words of a window', async () => {
  const folder = await makeWhisper(join(await temporaryFolder(), 'stopped'));
  let asked = 0;
  const counting = await loadWhisper(folder, () => ++asked < 0);
  await counting.transcribe(tones([DEEP_HZ, 1]));
  const ofAll = asked;
  asked = 0;
  const speech = await loadWhisper(folder, () => ++asked > 3);
  await expect(speech.transcribe(tones([DEEP_HZ, 1]))).rejects.toMatchObject({ code: 'internal' });
  expect(asked).toBeLessThan(ofAll);
  await Promise.all([counting.close(), speech.close()]);
});

describe('other exports of it', () => {
  it('of English only, and of 8 bits, load alike', async () => {
    const settings = { multilingual: false, suffix: '_quantized' } as const;
    const speech = await loadWhisper(await makeWhisper(join(await temporaryFolder(), 'whisper-en'), settings));
    expect(speech.name).toBe('whisper-en');
    expect(await speech.transcribe(tones([MIDDLE_HZ, 1]))).toMatchObject({ text: 'it is green' });
    await speech.close();
  });
});

describe('a folder that does not fit', () => {
  it('is refused with all that is missing', async () => {
    const folder = await makeWhisper(join(await temporaryFolder(), 'whisper'));
    await rm(join(folder, 'generation_config.json'));
    await rm(join(folder, 'onnx', 'decoder_model_merged.onnx'));
    await expect(openWhisper(folder)).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(/generation_config\.json: missing; onnx\/decoder_model_merged\.onnx: missing/),
    });
  });

  it('is refused when a file is not the one that the card lists, or is not listed', async () => {
    const folder = await makeWhisper(join(await temporaryFolder(), 'whisper'), { card: true });
    const graph = join(folder, 'onnx', 'encoder_model.onnx');
    await writeFile(join(folder, 'onnx', 'encoder_model.onnx_data'), 'weights from somewhere else');
    await expect(loadWhisper(folder)).rejects.toThrow(/onnx_data: the model uses it and the card does not list it/);
    await rm(`${graph}_data`);
    await appendFile(graph, 'x');
    await expect(loadWhisper(folder)).rejects.toThrow(/encoder_model\.onnx: the card says \d+ bytes/);
  });

  it('is refused when its graphs are none, or it is of another kind', async () => {
    const folder = await makeWhisper(join(await temporaryFolder(), 'whisper'));
    await writeFile(join(folder, 'onnx', 'encoder_model.onnx'), 'no graph');
    await expect(loadWhisper(folder)).rejects.toMatchObject({ code: 'model_invalid' });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, model_type: 'clip' }));
    await expect(loadWhisper(folder)).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining('expected "whisper"'),
    });
  });
});
