/**
 * Log-mel spectrograms as ClapFeatureExtractor (transformers, audio_utils.py) makes them for `rand_trunc`: Slaney's mel
 * scale and norm, periodic Hann window, frames centred on reflected edges, 10 log10 of the power. What is longer than a
 * window never comes here: it is cut into windows, the same ones every time, where the original crops at random.
 */

import { bitReversal, createFft } from '#shared/core/fft.ts';
import type { MelPreprocessor } from '#shared/models/model-config.ts';

/** The power of a bin that is silent. */
const FLOOR = 1e-10;

export interface LogMel {
  /** T, frames of every clip. */
  readonly frames: number;
  /** Mono samples [S], S at most the window, into `output` [T, F] from `offset`. */
  write(clip: Float32Array, output: Float32Array, offset: number): void;
}

export function createLogMel(config: MelPreprocessor): LogMel {
  const { fft_window_size: size, hop_length: hop, feature_size: bins } = config;
  const length = Math.round(config.max_length_s * config.sampling_rate);
  const frames = 1 + Math.floor(length / hop);
  const window = Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
  const filters = melFilters(config);
  const places = bitReversal(size);
  const fft = createFft(size);
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);

  /** Two real frames in one complex transform: X = (Z(k) + Z*(-k)) / 2, Y = (Z(k) - Z*(-k)) / 2i. */
  const powers = (samples: Float64Array, frame: number, first: Float64Array, second: Float64Array) => {
    const start = frame * hop;
    for (let n = 0; n < size; n++) {
      real[places[n]!] = samples[start + n]! * window[n]!;
      imaginary[places[n]!] = (samples[start + hop + n] ?? 0) * window[n]!;
    }
    fft(real, imaginary);
    for (let k = 0; k <= size / 2; k++) {
      const mirror = k === 0 ? 0 : size - k;
      first[k] = power((real[k]! + real[mirror]!) / 2, (imaginary[k]! - imaginary[mirror]!) / 2);
      second[k] = power((imaginary[k]! + imaginary[mirror]!) / 2, (real[mirror]! - real[k]!) / 2);
    }
  };

  return {
    frames,
    write: (clip, output, offset) => {
      const samples = reflectEdges(fill(clip, length, config.padding), size / 2);
      const first = new Float64Array(size / 2 + 1);
      const second = new Float64Array(size / 2 + 1);
      for (let frame = 0; frame < frames; frame += 2) {
        powers(samples, frame, first, second);
        applyFilters(filters, first, output, offset + frame * bins);
        if (frame + 1 < frames) applyFilters(filters, second, output, offset + (frame + 1) * bins);
      }
    },
  };
}

/** |x|^2 of a number that the original keeps as complex64. */
function power(real: number, imaginary: number): number {
  const [re, im] = [Math.fround(real), Math.fround(imaginary)];
  return re * re + im * im;
}

/** A clip to exactly `length` samples: repeated as often as it fits whole, or over the end, or not at all; then silence. */
function fill(clip: Float32Array, length: number, padding: MelPreprocessor['padding']): Float32Array {
  const filled = new Float32Array(length);
  const fits = clip.length === 0 ? 0 : Math.floor(length / clip.length);
  const copies = padding === 'pad' ? Math.min(1, fits) : padding === 'repeat' ? Math.ceil(length / clip.length) : fits;
  for (let copy = 0; copy < copies && clip.length > 0; copy++) {
    const start = copy * clip.length;
    filled.set(clip.subarray(0, length - start), start);
  }
  return filled;
}

/** `edge` samples before and after, mirrored without repeating the first and the last. */
function reflectEdges(samples: Float32Array, edge: number): Float64Array {
  const padded = new Float64Array(samples.length + 2 * edge);
  padded.set(samples, edge);
  const last = samples.length - 1;
  for (let n = 1; n <= edge; n++) {
    padded[edge - n] = samples[n]!;
    padded[edge + last + n] = samples[last - n]!;
  }
  return padded;
}

/** One triangle a bin, only where it is not 0. */
interface MelFilter {
  readonly start: number;
  readonly weights: Float64Array;
}

function applyFilters(filters: readonly MelFilter[], powers: Float64Array, output: Float32Array, offset: number): void {
  filters.forEach(({ start, weights }, bin) => {
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += weights[k]! * powers[start + k]!;
    output[offset + bin] = 10 * Math.log10(Math.max(FLOOR, sum));
  });
}

/** Triangles between neighbours on the mel scale, of area 1 (Slaney's norm: 2 / width in Hz). */
function melFilters(config: MelPreprocessor): MelFilter[] {
  const { feature_size: bins, fft_window_size: size, sampling_rate: rate } = config;
  const [low, high] = [toMel(config.frequency_min), toMel(config.frequency_max)];
  const corners = Array.from({ length: bins + 2 }, (_, i) => toHertz(low + ((high - low) * i) / (bins + 1)));
  const hertz = Array.from({ length: size / 2 + 1 }, (_, k) => (Math.floor(rate / 2) * k) / (size / 2));
  return Array.from({ length: bins }, (_, bin) => {
    const [from, peak, to] = [corners[bin]!, corners[bin + 1]!, corners[bin + 2]!];
    const triangle = hertz.map((f) => Math.max(0, Math.min((f - from) / (peak - from), (to - f) / (to - peak))));
    const start = Math.max(
      0,
      triangle.findIndex((weight) => weight > 0),
    );
    const end = triangle.findLastIndex((weight) => weight > 0) + 1;
    return { start, weights: Float64Array.from(triangle.slice(start, end), (weight) => (weight * 2) / (to - from)) };
  });
}

const LOG_FROM_HZ = 1000;
const LOG_FROM_MEL = 15;
const MELS_PER_E = 27 / Math.log(6.4);

/** Slaney's scale: 3 mel for 200 Hz up to 1 kHz, then logarithmic. */
function toMel(hertz: number): number {
  if (hertz < LOG_FROM_HZ) return (3 * hertz) / 200;
  return LOG_FROM_MEL + Math.log(hertz / LOG_FROM_HZ) * MELS_PER_E;
}

function toHertz(mel: number): number {
  if (mel < LOG_FROM_MEL) return (200 * mel) / 3;
  return LOG_FROM_HZ * Math.exp((mel - LOG_FROM_MEL) / MELS_PER_E);
}
