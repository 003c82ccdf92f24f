import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createResampler } from '#shared/media/resample-samples.ts';
import { signalToNoise, sine } from './sounds.ts';

/** Resamples in blocks of `blockLength`. */
function resample(samples: Float32Array, fromHz: number, toHz: number, blockLength = 4000): Float32Array {
  const resampler = createResampler(fromHz, toHz);
  const output: number[] = [];
  for (let at = 0; at < samples.length; at += blockLength) {
    output.push(...resampler.push(samples.subarray(at, at + blockLength)));
  }
  output.push(...resampler.flush());
  return Float32Array.from(output);
}

describe('createResampler', () => {
  it.each([
    [44_100, 16_000, 440],
    [44_100, 16_000, 6700],
    [48_000, 16_000, 3000],
    [22_050, 48_000, 9000],
    [16_000, 48_000, 6700],
    [8000, 44_100, 3300],
    [11_025, 32_000, 1000],
    [96_000, 16_000, 5000],
  ])('from %i to %i Hz keeps a tone of %i Hz to 90 dB', (fromHz, toHz, frequencyHz) => {
    const output = resample(sine(frequencyHz, fromHz), fromHz, toHz);
    expect(output.length).toBe(toHz);
    expect(signalToNoise(output, sine(frequencyHz, toHz), 1000)).toBeGreaterThan(90);
  });

  it('keeps a tone to 75 dB between rates without a common divisor', () => {
    const output = resample(sine(15_000, 44_101), 44_101, 48_000);
    expect(signalToNoise(output, sine(15_000, 48_000), 1000)).toBeGreaterThan(75);
  });

  it('removes what the new rate cannot hold, instead of folding it back', () => {
    const output = resample(sine(9000, 44_100), 44_100, 16_000).subarray(500, -500);
    expect(Math.max(...output.map(Math.abs))).toBeLessThan(1e-4); // -80 dB
  });

  it('passes samples of the same rate through', () => {
    const samples = sine(440, 8000);
    expect(resample(samples, 8000, 8000)).toEqual(samples);
  });

  it('gives the same samples however the input is cut into blocks', () => {
    const samples = sine(700, 22_050, 0.2);
    const whole = resample(samples, 22_050, 16_000, samples.length);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (blockLength) => {
        expect(resample(samples, 22_050, 16_000, blockLength)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it('gives round(S x toHz / fromHz) samples', () => {
    const rate = fc.constantFrom(8000, 11_025, 16_000, 22_050, 44_100, 48_000);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), rate, rate, (length, fromHz, toHz) => {
        const output = resample(new Float32Array(length), fromHz, toHz);
        expect(output.length).toBe(Math.round((length * toHz) / fromHz));
      }),
      { numRuns: 50 },
    );
  });
});
