/**
 * Separable resampling with antialiasing, bit for bit what Pillow's `Image.resize` gives for 8-bit RGB: the same filters,
 * the same 22-bit fixed-point weights, horizontal pass first. Models were trained on pictures that were resized so.
 * Source of the algorithm: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 */

import type { ImageGeometry, Pixels } from './image.ts';

type Filter = ImageGeometry['filter'];

interface Kernel {
  /** Half its width, in output pixels when shrinking and in input pixels when enlarging. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const KERNELS: Record<Exclude<Filter, 'nearest'>, Kernel> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic convolution with a = -0.5. */
function cubic(value: number): number {
  const a = -0.5;
  const x = Math.abs(value);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

const PRECISION_BITS = 22; // 32 bits less 8 of the pixel and 2 for the overshoot of negative lobes
const ROUNDING = 1 << (PRECISION_BITS - 1);

/** For each output position: first input position, number of taps, and `taps` fixed-point weights. */
interface Weights {
  readonly taps: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly values: Int32Array;
}

/** Of the last lengths: the pictures of one camera have few different sizes, and weights take a fifth of the time. */
const keptWeights = new Map<string, Weights>();
const KEPT_WEIGHTS = 64;

function filterWeights(inputLength: number, outputLength: number, filter: Exclude<Filter, 'nearest'>): Weights {
  const name = `${inputLength} ${outputLength} ${filter}`;
  const known = keptWeights.get(name);
  if (known !== undefined) return known;
  if (keptWeights.size >= KEPT_WEIGHTS) keptWeights.delete(keptWeights.keys().next().value!);
  const weights = computeWeights(inputLength, outputLength, KERNELS[filter]);
  keptWeights.set(name, weights);
  return weights;
}

function computeWeights(inputLength: number, outputLength: number, kernel: Kernel): Weights {
  const scale = inputLength / outputLength;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outputLength);
  const counts = new Int32Array(outputLength);
  const values = new Int32Array(outputLength * taps);
  for (let out = 0; out < outputLength; out++) {
    const centre = (out + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(inputLength, Math.trunc(centre + support + 0.5)) - start;
    const raw = Array.from({ length: count }, (_, t) => kernel.weight((t + start - centre + 0.5) * (1 / stretch)));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    starts[out] = start;
    counts[out] = count;
    raw.forEach((weight, t) => {
      const scaled = (total === 0 ? weight : weight / total) * (1 << PRECISION_BITS);
      values[out * taps + t] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
  }
  return { taps, starts, counts, values };
}

/** `source` resized to width x height. Returns `source` itself when it already has that size. */
export function resamplePixels(source: Pixels, width: number, height: number, filter: Filter): Pixels {
  if (source.width === width && source.height === height) return source;
  if (filter === 'nearest') return resampleNearest(source, width, height);
  const narrowed =
    source.width === width ? source.data : resampleRows(source, filterWeights(source.width, width, filter), width);
  if (source.height === height) return { width, height, data: narrowed };
  return {
    width,
    height,
    data: resampleColumns(narrowed, width, filterWeights(source.height, height, filter), height),
  };
}

function resampleRows(source: Pixels, weights: Weights, width: number): Uint8Array {
  const { taps, starts, counts, values } = weights;
  const input = source.data;
  const output = new Uint8ClampedArray(source.height * width * 3);
  let at = 0;
  for (let y = 0; y < source.height; y++) {
    const rowStart = y * source.width;
    for (let x = 0; x < width; x++) {
      let red = ROUNDING;
      let green = ROUNDING;
      let blue = ROUNDING;
      let from = (rowStart + starts[x]!) * 3;
      const end = x * taps + counts[x]!;
      for (let t = x * taps; t < end; t++) {
        const weight = values[t]!;
        red = (red + Math.imul(input[from]!, weight)) | 0;
        green = (green + Math.imul(input[from + 1]!, weight)) | 0;
        blue = (blue + Math.imul(input[from + 2]!, weight)) | 0;
        from += 3;
      }
      output[at] = red >> PRECISION_BITS;
      output[at + 1] = green >> PRECISION_BITS;
      output[at + 2] = blue >> PRECISION_BITS;
      at += 3;
    }
  }
  return new Uint8Array(output.buffer);
}

function resampleColumns(input: Uint8Array, width: number, weights: Weights, height: number): Uint8Array {
  const { taps, starts, counts, values } = weights;
  const stride = width * 3;
  const output = new Uint8ClampedArray(height * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(ROUNDING);
    for (let t = 0; t < counts[y]!; t++) {
      const weight = values[y * taps + t]!;
      const from = (starts[y]! + t) * stride;
      for (let i = 0; i < stride; i++) sums[i] = (sums[i]! + Math.imul(input[from + i]!, weight)) | 0;
    }
    const to = y * stride;
    for (let i = 0; i < stride; i++) output[to + i] = sums[i]! >> PRECISION_BITS;
  }
  return new Uint8Array(output.buffer);
}

function resampleNearest(source: Pixels, width: number, height: number): Pixels {
  const columns = nearestPositions(source.width, width);
  const rows = nearestPositions(source.height, height);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const from = (rows[y]! * source.width + columns[x]!) * 3;
      data[at] = source.data[from]!;
      data[at + 1] = source.data[from + 1]!;
      data[at + 2] = source.data[from + 2]!;
    }
  }
  return { width, height, data };
}

/** The centres of the output pixels in the input, summed step by step because Pillow's rounding does. */
function nearestPositions(inputLength: number, outputLength: number): Int32Array {
  const positions = new Int32Array(outputLength);
  const step = inputLength / outputLength;
  for (let i = 0, at = step / 2; i < outputLength; i++, at += step) positions[i] = Math.trunc(at);
  return positions;
}
