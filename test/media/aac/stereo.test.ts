import { describe, expect, it } from 'vitest';
import type { ChannelStream } from '#shared/media/aac/channel-stream.ts';
import { createNoiseSource } from '#shared/media/aac/noise.ts';
import { applyStereo } from '#shared/media/aac/stereo.ts';

/** One band of four coefficients. */
const channel = (book: number, scaleFactor: number, ...spectrum: number[]): ChannelStream => ({
  info: { sequence: 'long', shape: 'sine', bandCount: 1, bandOffsets: [0, 4], groups: [1], rateIndex: 4 },
  books: Uint8Array.of(book),
  scaleFactors: Int16Array.of(scaleFactor),
  filters: [],
  spectrum: Float64Array.from({ length: 4 }, (_, i) => spectrum[i] ?? 0),
});
const all = { bands: Uint8Array.of(1), invertsIntensity: true };

describe('applyStereo', () => {
  it('turns middle and side into left and right where the mask says so', () => {
    const [left, right] = [channel(1, 100, 3, 1, 0, 5), channel(1, 100, 1, -1, 2, 0)];
    applyStereo(left, right, undefined);
    expect([...left.spectrum]).toEqual([3, 1, 0, 5]);
    applyStereo(left, right, all);
    expect([...left.spectrum]).toEqual([4, 0, 2, 5]);
    expect([...right.spectrum]).toEqual([2, 2, -2, 5]);
  });

  it.each([
    [15, undefined, 0.5],
    [14, undefined, -0.5],
    [15, all, -0.5],
    [14, all, 0.5],
    [15, { ...all, invertsIntensity: false }, 0.5],
  ])('takes the right channel of intensity book %i from the left', (book, mask, factor) => {
    const right = channel(book, 4); // four steps of 1.5 dB: half
    applyStereo(channel(1, 100, 8, -4, 2, 0), right, mask);
    expect([...right.spectrum]).toEqual([8 * factor, -4 * factor, 2 * factor, 0 * factor]);
  });

  it('gives both channels one noise where the mask says so, and two where not', () => {
    const fill = () => {
      const noise = createNoiseSource();
      const pair = [channel(13, 8), channel(13, 12)] as const;
      for (const each of pair) noise.fill(each);
      return pair;
    };
    const energy = ({ spectrum }: ChannelStream) => spectrum.reduce((sum, value) => sum + value ** 2, 0);
    const [left, right] = fill();
    expect(energy(left)).toBeCloseTo(4 ** 2, 10); // 2^(8/4)
    expect(energy(right)).toBeCloseTo(8 ** 2, 10);
    const ratios = () => [...right.spectrum].map((value, k) => value / left.spectrum[k]!);
    expect(Math.max(...ratios()) - Math.min(...ratios())).toBeGreaterThan(0.1);
    applyStereo(left, right, all);
    for (const ratio of ratios()) expect(ratio).toBeCloseTo(2, 10);
  });
});
