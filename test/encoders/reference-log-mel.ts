/**
 * The formula of ClapFeatureExtractor, written down a second time and slowly: a discrete Fourier transform by its
 * definition, dense filters, double precision throughout. For comparing `log-mel.ts` with.
 */

import type { MelPreprocessor } from '#shared/models/model-config.ts';

/** [T, F] in dB. */
export function referenceLogMel(clip: Float32Array, config: MelPreprocessor): Float64Array {
  const { sampling_rate: rate, fft_window_size: N, hop_length: hop, feature_size: F } = config;
  const S = Math.round(config.max_length_s * rate);
  const bins = N / 2 + 1;
  const sample = (s: number): number => {
    const mirrored = s < 0 ? -s : s >= S ? 2 * (S - 1) - s : s;
    const repeats = config.padding === 'pad' ? 1 : config.padding === 'repeat' ? Infinity : Math.floor(S / clip.length);
    return mirrored < clip.length * repeats ? (clip[mirrored % clip.length] ?? 0) : 0;
  };
  const filters = referenceFilters(config);
  const cosines = Array.from({ length: N }, (_, n) => Math.cos((2 * Math.PI * n) / N));
  const sines = Array.from({ length: N }, (_, n) => Math.sin((2 * Math.PI * n) / N));
  const T = 1 + Math.floor(S / hop);
  const output = new Float64Array(T * F);
  for (let t = 0; t < T; t++) {
    const frame = cosines.map((cosine, n) => sample(t * hop - N / 2 + n) * (0.5 - 0.5 * cosine));
    const power = Array.from({ length: bins }, (_, k) => {
      let [re, im] = [0, 0];
      for (let n = 0; n < N; n++) {
        re += frame[n]! * cosines[(k * n) % N]!;
        im -= frame[n]! * sines[(k * n) % N]!;
      }
      return re ** 2 + im ** 2;
    });
    for (let f = 0; f < F; f++) {
      const energy = power.reduce((sum, value, k) => sum + value * filters[f]![k]!, 0);
      output[t * F + f] = 10 * Math.log10(Math.max(1e-10, energy));
    }
  }
  return output;
}

/** librosa.filters.mel: F rows over the bins of the spectrum. */
export function referenceFilters(config: MelPreprocessor): number[][] {
  const { frequency_min: low, frequency_max: high, feature_size: F, fft_window_size: N, sampling_rate: rate } = config;
  const step = Math.log(6.4) / 27;
  const mel = (hz: number) => (hz >= 1000 ? 15 + Math.log(hz / 1000) / step : hz / (200 / 3));
  const hertz = (m: number) => (m >= 15 ? 1000 * Math.exp(step * (m - 15)) : m * (200 / 3));
  const corner = (i: number) => hertz(mel(low) + (i * (mel(high) - mel(low))) / (F + 1));
  return Array.from({ length: F }, (_, f) =>
    Array.from({ length: N / 2 + 1 }, (_, k) => {
      const hz = (k * rate) / N;
      const rising = (hz - corner(f)) / (corner(f + 1) - corner(f));
      const falling = (corner(f + 2) - hz) / (corner(f + 2) - corner(f + 1));
      return (Math.max(0, Math.min(rising, falling)) * 2) / (corner(f + 2) - corner(f));
    }),
  );
}
