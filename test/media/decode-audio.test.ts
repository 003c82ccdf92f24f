import { describe, expect, it } from 'vitest';
import { decodeAudio } from '#shared/media/decode-audio.ts';
import type { AudioFormat } from '#shared/media/detect-media-type.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { encodeSamples, fixture, signalToNoise, sine, wavFile } from './sounds.ts';

const decode = (bytes: Uint8Array, format: AudioFormat = 'wav', sampleRateHz = 16_000) =>
  decodeAudio(bytes, format, { sampleRateHz });

const refusal = (bytes: Uint8Array, format: AudioFormat = 'wav', limits = DEFAULT_MEDIA_LIMITS) =>
  decodeAudio(bytes, format, { sampleRateHz: 16_000, limits }).then(
    () => 'was decoded',
    (error) => ({ code: error.code, message: error.message }),
  );

const rootMeanSquare = (samples: Float32Array) =>
  Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

/** Times that the signal crosses zero upwards: the frequency of a tone of one second. */
const crossings = (samples: Float32Array) =>
  samples.reduce((count, value, i) => count + (i > 0 && samples[i - 1]! < 0 && value >= 0 ? 1 : 0), 0);

describe('compressed formats', () => {
  it.each<[string, AudioFormat, number]>([
    ['tone.mp3', 'mp3', 44_100],
    ['tone-no-tags.mp3', 'mp3', 44_100],
    ['tone.ogg', 'ogg-vorbis', 44_100],
    ['tone.opus', 'ogg-opus', 48_000],
    ['tone-flac.ogg', 'ogg-flac', 16_000],
    ['tone.flac', 'flac', 16_000],
    ['tone.m4a', 'm4a', 44_100],
    ['tone-alaw.wav', 'wav', 8000],
    ['tone-mulaw.wav', 'wav', 8000],
  ])('decodes %s to its tone', async (name, format, sampleRateHz) => {
    const audio = await decode(fixture(name), format);
    expect(audio.sampleRateHz).toBe(sampleRateHz);
    expect(audio.durationSeconds).toBeCloseTo(1, 1);
    expect(Math.abs(audio.samples.length - 16_000)).toBeLessThan(1000);
    expect(Math.abs(crossings(audio.samples.subarray(0, 16_000)) - 440)).toBeLessThanOrEqual(8);
    expect(Math.abs(rootMeanSquare(audio.samples) - 0.5 * Math.SQRT1_2)).toBeLessThan(0.03);
  });

  it.each<[string, AudioFormat]>([
    ['tone.mp3', 'mp3'],
    ['tone.ogg', 'ogg-vorbis'],
    ['tone.opus', 'ogg-opus'],
    ['tone.flac', 'flac'],
    ['tone-flac.ogg', 'ogg-flac'],
    ['tone.m4a', 'm4a'],
    ['tone-alaw.wav', 'wav'],
  ])('refuses %s when half of it is missing', async (name, format) => {
    const bytes = fixture(name);
    expect(await refusal(bytes.subarray(0, bytes.length / 2), format)).toMatchObject({ code: 'corrupt_input' });
    expect(await refusal(bytes.subarray(0, 50), format)).toMatchObject({ code: 'corrupt_input' });
  });
});

describe('damaged frames', () => {
  /** A tenth of the file, from its middle, overwritten. */
  const damaged = (name: string) => {
    const bytes = fixture(name);
    const middle = Math.floor(bytes.length / 2);
    return bytes.fill(0x55, middle, middle + Math.floor(bytes.length / 10));
  };

  it('makes a FLAC file be refused, because its checksums tell', async () => {
    expect(await refusal(damaged('tone.flac'), 'flac')).toMatchObject({ code: 'corrupt_input' });
  });

  it('are skipped in MP3, as are foreign bytes behind the sound', async () => {
    const bytes = fixture('tone-no-tags.mp3');
    const followed = new Uint8Array(bytes.length + 300).fill(65);
    followed.set(bytes);
    expect((await decode(followed, 'mp3')).durationSeconds).toBeCloseTo(1, 1);
  });
});

describe('WAV', () => {
  const tone = sine(440, 16_000, 0.25, 0.5);

  it.each([
    [8, 1, 38],
    [16, 1, 85],
    [24, 1, 120],
    [32, 1, 120],
    [32, 3, 120],
    [64, 3, 120],
  ])('decodes %i bits of encoding %i to %i dB', async (bits, encoding, decibels) => {
    for (const extensible of [false, true]) {
      const file = wavFile(encodeSamples(tone, bits, encoding), { bits, encoding, extensible, sampleRateHz: 16_000 });
      const { samples } = await decode(file);
      expect(samples.length).toBe(tone.length);
      expect(signalToNoise(samples, tone, 0)).toBeGreaterThan(decibels);
    }
  });

  it('mixes channels to their mean', async () => {
    const interleaved = Float32Array.from({ length: 300 }, (_, i) => [0.9, 0.3, -0.6][i % 3]!);
    const file = wavFile(encodeSamples(interleaved, 32, 3), {
      bits: 32,
      encoding: 3,
      channels: 3,
      sampleRateHz: 16_000,
    });
    const audio = await decode(file);
    expect(audio).toMatchObject({ channels: 3, durationSeconds: 100 / 16_000 });
    expect(audio.samples[50]).toBeCloseTo(0.2, 5);
  });

  it('clips float samples to full scale', async () => {
    const file = wavFile(encodeSamples(sine(100, 16_000, 0.1, 3), 32, 3), {
      bits: 32,
      encoding: 3,
      sampleRateHz: 16_000,
    });
    const { samples } = await decode(file);
    expect(Math.max(...samples)).toBe(1);
    expect(Math.min(...samples)).toBe(-1);
  });

  it('takes a few samples that are not numbers as silence, and refuses a file of them', async () => {
    const few = tone.slice();
    few.set([Number.NaN, Number.POSITIVE_INFINITY], 100);
    const options = { bits: 32, encoding: 3, sampleRateHz: 16_000 };
    const { samples } = await decode(wavFile(encodeSamples(few, 32, 3), options));
    expect(samples.every(Number.isFinite)).toBe(true);
    expect(samples[100]).toBe(0);
    const all = new Float32Array(1000).fill(Number.NaN);
    expect(await refusal(wavFile(encodeSamples(all, 32, 3), options))).toMatchObject({ code: 'corrupt_input' });
  });

  it('refuses a header that promises gigabytes which are not there', async () => {
    const file = wavFile(encodeSamples(tone, 16), { bits: 16, sampleRateHz: 16_000, claimedBytes: 2_000_000_000 });
    expect(await refusal(file)).toEqual({
      code: 'corrupt_input',
      message:
        'the WAV file is damaged: its header promises 2000000000 bytes of samples and 8000 are there: it is incomplete',
    });
  });

  it.each([0, 0xffff_ffff])('reads a stream that was never given its length (%i)', async (claimedBytes) => {
    const file = wavFile(encodeSamples(tone, 16), { bits: 16, sampleRateHz: 16_000, claimedBytes });
    expect((await decode(file)).durationSeconds).toBe(0.25);
  });

  it.each([
    ['no channels', wavFile(new Uint8Array(100), { bits: 16, channels: 0 })],
    ['no sample rate', wavFile(new Uint8Array(100), { bits: 16, sampleRateHz: 0 })],
    ['no samples', wavFile(new Uint8Array(0), { bits: 16 })],
    ['nothing after its first bytes', wavFile(new Uint8Array(100), { bits: 16 }).subarray(0, 20)],
  ])('refuses a file with %s', async (_what, file) => {
    expect(await refusal(file)).toMatchObject({ code: 'corrupt_input' });
  });

  it('names an encoding that it does not read', async () => {
    const adpcm = wavFile(new Uint8Array(100), { encoding: 2, bits: 4 });
    expect(await refusal(adpcm)).toMatchObject({
      code: 'unsupported_type',
      message: expect.stringContaining('encoding 2'),
    });
  });
});

describe('limits', () => {
  it('refuses a sound that is too long by its header', async () => {
    const limits = { ...DEFAULT_MEDIA_LIMITS, audioSeconds: 0.5 };
    for (const [name, format] of [
      ['tone.mp3', 'mp3'],
      ['tone.ogg', 'ogg-vorbis'],
      ['tone.flac', 'flac'],
      ['tone.m4a', 'm4a'],
      ['tone.aac', 'aac'],
    ] as const) {
      expect(await refusal(fixture(name), format, limits)).toEqual({
        code: 'too_large',
        message: 'the sound is longer than 0.5 seconds, which is the longest that is read: cut it into shorter files',
      });
    }
  });

  it('refuses a sound that is too long while it is decoded when its header does not say', async () => {
    const limits = { ...DEFAULT_MEDIA_LIMITS, audioSeconds: 0.5 };
    expect(await refusal(fixture('tone-no-tags.mp3'), 'mp3', limits)).toMatchObject({ code: 'too_large' });
  });

  it('refuses more bytes than the limit, and none', async () => {
    const limits = { ...DEFAULT_MEDIA_LIMITS, audioBytes: 100 };
    expect(await refusal(fixture('tone.mp3'), 'mp3', limits)).toMatchObject({ code: 'too_large' });
    expect(await refusal(new Uint8Array(0))).toEqual({ code: 'corrupt_input', message: 'the file is empty' });
  });
});

it('leaves the caller his bytes, and decodes many at once', async () => {
  const bytes = fixture('tone.ogg');
  const copy = bytes.slice();
  const decoded = await Promise.all(Array.from({ length: 8 }, () => decode(bytes, 'ogg-vorbis')));
  expect(bytes).toEqual(copy);
  for (const audio of decoded) expect(audio.samples).toEqual(decoded[0]!.samples);
});
