import { describe, expect, it } from 'vitest';
import { createLogMel } from '#shared/encoders/log-mel.ts';
import { type MelPreprocessor, preprocessorConfigSchema } from '#shared/models/model-config.ts';
import { createRandom } from '../models/tiny-meaning.ts';
import { referenceLogMel } from './reference-log-mel.ts';

/** As in the preprocessor_config.json of the published CLAP. */
const CLAP = {
  feature_extractor_type: 'ClapFeatureExtractor',
  feature_size: 64,
  fft_window_size: 1024,
  frequency_max: 14_000,
  frequency_min: 50,
  hop_length: 480,
  max_length_s: 10,
  padding: 'repeatpad',
  padding_value: 0,
  sampling_rate: 48_000,
  top_db: null,
  truncation: 'rand_trunc',
};

function parse(change: object = {}): MelPreprocessor {
  const { audio } = preprocessorConfigSchema.parse({ ...CLAP, ...change });
  if (audio?.feature_extractor_type !== 'ClapFeatureExtractor') throw new Error('not taken for sound');
  return audio;
}

function features(clip: Float32Array, config: MelPreprocessor): Float32Array {
  const logMel = createLogMel(config);
  const output = new Float32Array(logMel.frames * config.feature_size);
  logMel.write(clip, output, 0);
  return output;
}

const random = createRandom(3);
const noise = (samples: number) => Float32Array.from({ length: samples }, () => random() - 0.5);
const chirp = (samples: number) =>
  Float32Array.from({ length: samples }, (_, s) => 0.8 * Math.sin(1e-7 * s * s * (1 + s / samples)));

describe('log-mel frames', () => {
  it('are 1001 of 64 bins for the ten seconds of CLAP', () => {
    expect(features(noise(48_000), parse()).length).toBe(1001 * 64);
  });

  it.each([
    ['noise', noise(9_600), {}],
    ['noise that fits a whole number of times', noise(6_000), {}],
    ['a chirp', chirp(20_000), {}],
    ['a click', Float32Array.of(1), {}],
    ['silence', new Float32Array(5_000), {}],
    ['nothing', new Float32Array(0), {}],
    ['a sound padded with silence', chirp(7_000), { padding: 'pad' }],
    ['a sound repeated to the end', chirp(7_000), { padding: 'repeat' }],
    [
      'other sizes',
      noise(3_000),
      { sampling_rate: 16_000, fft_window_size: 256, hop_length: 100, feature_size: 40, frequency_max: 8_000 },
    ],
  ] as const)('equal the formula summed term by term in double precision: %s', (_title, clip, change) => {
    const config = parse({ max_length_s: 0.5, ...change });
    const actual = features(clip, config);
    const expected = referenceLogMel(clip, config);
    expect(actual.length).toBe(expected.length);
    // in dB; bins far below the loudest of their frame carry the rounding of complex64, as in the original
    const worst = actual.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
    expect(worst).toBeLessThan(0.01);
  });

  it('are -100 dB where nothing sounds', () => {
    expect(new Set(features(new Float32Array(100), parse({ max_length_s: 0.1 })))).toEqual(new Set([-100]));
  });

  it.each([
    [{ truncation: 'fusion' }, /unfused/],
    [{ top_db: 80 }, /bounded range/],
    [{ fft_window_size: 1000 }, /power of two/],
    [{ frequency_min: 15_000 }, /above frequency_min/],
    [{ max_length_s: 0.01 }, /longer than fft_window_size/],
    [{ hop_length: 1, max_length_s: 600 }, /too large/],
  ])('of other kinds are refused: %j', (change, message) => {
    expect(() => parse(change)).toThrow(message);
  });
});
