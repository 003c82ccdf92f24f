import { describe, expect, it } from 'vitest';
import { audioTensor, paddedLength } from '#shared/encoders/audio-tensor.ts';

const config = {
  feature_extractor_type: 'Wav2Vec2FeatureExtractor' as const,
  sampling_rate: 1000,
  feature_size: 1,
  do_normalize: false,
  padding_value: 0,
  max_length_s: 5,
  min_length_s: 1,
};

describe('the tensor of sounds', () => {
  it('pads a short clip to the least length and leaves a longer one as it is', () => {
    expect(paddedLength(new Float32Array(0), config)).toBe(1000);
    expect(paddedLength(new Float32Array(999), config)).toBe(1000);
    expect(paddedLength(new Float32Array(1001), config)).toBe(1001);
    expect(paddedLength(new Float32Array(5000), config)).toBe(5000);
  });

  it('refuses a clip that is longer than the window', () => {
    expect(() => paddedLength(new Float32Array(5001), config)).toThrow(/at most 5000 samples; got 5001/);
  });

  it('holds a clip a row, padded at the end', () => {
    const tensor = audioTensor([Float32Array.of(1, 2), Float32Array.of(3)], 3, { ...config, padding_value: -1 });
    expect(tensor).toEqual({ type: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, -1, 3, -1, -1) });
  });

  it('brings a clip to mean 0 and variance 1 where the model asks for it', () => {
    const { data } = audioTensor([Float32Array.of(1, 3, 5, 7)], 4, { ...config, do_normalize: true });
    const expected = [-3, -1, 1, 3].map((value) => value / Math.sqrt(5));
    for (const [i, value] of expected.entries()) expect(data[i]).toBeCloseTo(value, 5);
  });
});
