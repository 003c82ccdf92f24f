import { describe, expect, it } from 'vitest';
import { waveform } from '#shared/media/waveform.ts';
import { sine } from './sounds.ts';

describe('waveform', () => {
  it('gives the peak of each stretch, whatever its sign', () => {
    expect(waveform(Float32Array.of(0.1, -0.5, 0.25, 0, -1, 0.5), 3)).toEqual([0.5, 0.25, 1]);
  });

  it('has 96 bins by default, all near 1 for a full-scale tone', () => {
    const peaks = waveform(sine(440, 16_000));
    expect(peaks).toHaveLength(96);
    expect(Math.min(...peaks)).toBeGreaterThan(0.98);
  });

  it('bounds samples over full scale', () => {
    expect(waveform(Float32Array.of(3, -7), 2)).toEqual([1, 1]);
  });

  it('is silent without samples, and repeats samples when there are fewer than bins', () => {
    expect(waveform(new Float32Array(0), 3)).toEqual([0, 0, 0]);
    expect(waveform(Float32Array.of(0.5, 1), 4)).toEqual([0.5, 0.5, 1, 1]);
  });
});
