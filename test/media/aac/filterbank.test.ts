import { describe, expect, it } from 'vitest';
import { createFilterbank } from '#shared/media/aac/filterbank.ts';
import { createInverseMdct } from '#shared/media/aac/mdct.ts';
import { applyTns } from '#shared/media/aac/tns.ts';
import type { WindowInfo, WindowSequence } from '#shared/media/aac/window-info.ts';

type Shape = WindowInfo['shape'];

/** Numbers in [-1, 1], the same each time. */
function noise(length: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length }, () => {
    state = (state * 16_807) % 2_147_483_647;
    return (2 * state) / 2_147_483_647 - 1;
  });
}

const cosine = (M: number, n: number, k: number) => Math.cos((Math.PI / M) * (n + 0.5 + M / 2) * (k + 0.5));

describe('createInverseMdct', () => {
  it.each([8, 128, 1024])('equals its formula for %i coefficients', (M) => {
    const input = noise(M + 3).subarray(3);
    const output = new Float64Array(2 * M);
    createInverseMdct(M).transform(noise(M + 3), 3, output);
    for (let n = 0; n < 2 * M; n += M === 1024 ? 37 : 1) {
      const expected = input.reduce((sum, value, k) => sum + (value * cosine(M, n, k)) / M, 0);
      expect(output[n]).toBeCloseTo(expected, 12);
    }
  });
});

/** The rising half of a window of 2N samples, by the standard's formulas. */
function slope(shape: Shape, N: number): Float64Array {
  if (shape === 'sine') return Float64Array.from({ length: N }, (_, n) => Math.sin((Math.PI / (2 * N)) * (n + 0.5)));
  const bessel = (x: number) => {
    let sum = 0;
    for (let k = 0, term = 1; k < 60; k++, term *= (x / 2 / k) ** 2) sum += term;
    return sum;
  };
  const alpha = N === 1024 ? 4 : 6;
  const kaiser = Array.from({ length: N + 1 }, (_, n) =>
    bessel(Math.PI * alpha * Math.sqrt(1 - (n / (N / 2) - 1) ** 2)),
  );
  const total = kaiser.reduce((a, b) => a + b);
  return Float64Array.from({ length: N }, (_, n) => Math.sqrt(kaiser.slice(0, n + 1).reduce((a, b) => a + b) / total));
}

/** X(k) = 2 sum over n of w(n) x(n) cos(...): the forward transform, window and all, as an encoder does it. */
function analyse(x: Float64Array, rise: Float64Array, fall: Float64Array, M: number): Float64Array {
  const pad = (M - rise.length) / 2;
  const window = (half: Float64Array, n: number) =>
    n < (M - half.length) / 2 ? 0 : n < (M + half.length) / 2 ? half[n - (M - half.length) / 2]! : 1;
  expect(Number.isInteger(pad)).toBe(true);
  const windowed = x.map((value, n) => value * (n < M ? window(rise, n) : window(fall, 2 * M - 1 - n)));
  return Float64Array.from(
    { length: M },
    (_, k) => 2 * windowed.reduce((sum, value, n) => sum + value * cosine(M, n, k), 0),
  );
}

describe('createFilterbank', () => {
  it.each<[Shape, Shape]>([
    ['sine', 'sine'],
    ['kbd', 'kbd'],
    ['sine', 'kbd'],
  ])('gives back what was transformed, through long, start, short and stop windows (%s, then %s)', (first, second) => {
    const sequences: WindowSequence[] = ['long', 'start', 'short', 'short', 'stop', 'long'];
    const shapes: Shape[] = [first, first, second, first, second, second];
    const signal = noise(1024 * (sequences.length + 1));
    const filterbank = createFilterbank();
    let last: Shape = 'sine';
    for (const [frame, sequence] of sequences.entries()) {
      const shape = shapes[frame]!;
      const block = signal.subarray(frame * 1024, (frame + 2) * 1024);
      const spectrum = new Float64Array(1024);
      if (sequence === 'short') {
        for (let w = 0; w < 8; w++) {
          const start = 448 + 128 * w;
          const rise = slope(w === 0 ? last : shape, 128);
          spectrum.set(analyse(block.subarray(start, start + 256), rise, slope(shape, 128), 128), w * 128);
        }
      } else {
        const rise = slope(last, sequence === 'stop' ? 128 : 1024);
        spectrum.set(analyse(block, rise, slope(shape, sequence === 'start' ? 128 : 1024), 1024));
      }
      last = shape;
      const info: WindowInfo = { sequence, shape, bandCount: 0, bandOffsets: [0], groups: [1], rateIndex: 4 };
      const output = filterbank.synthesize(spectrum, info);
      if (frame === 0) continue; // the frame before it is missing
      for (let n = 0; n < 1024; n += 7) expect(output[n]! * 32_768).toBeCloseTo(block[n]!, 5);
    }
  });
});

describe('applyTns', () => {
  it.each([false, true])('undoes the filter of an encoder (downward: %s)', (isDownward) => {
    const lpc = Float64Array.of(1, -0.9, 0.4, 0.1);
    const [start, end] = [20, 60];
    const original = noise(80);
    const step = isDownward ? -1 : 1;
    const filtered = original.map((value, k) => {
      if (k < start || k >= end) return value;
      const past = [...lpc.keys()].slice(1).filter((m) => k - m * step >= start && k - m * step < end);
      return past.reduce((sum, m) => sum + lpc[m]! * original[k - m * step]!, value);
    });
    applyTns(filtered, [{ start, end, isDownward, lpc }]);
    for (let k = 0; k < 80; k++) expect(filtered[k]).toBeCloseTo(original[k]!, 12);
  });
});
