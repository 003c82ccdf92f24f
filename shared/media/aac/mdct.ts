/**
 * The inverse MDCT by a complex FFT of a quarter of its length.
 * Source: ISO/IEC 14496-3, 4.6.11.3.1; Britanak and Rao, "Discrete Cosine and Sine Transforms" (2007), 4.6, for the DCT-IV.
 */

import { bitReversal, createFft } from '#shared/core/fft.ts';

/** y(n) = 1/M sum over k of x(k) cos(pi/M (n + 1/2 + M/2)(k + 1/2)), n = 0 to 2M - 1. */
export interface InverseMdct {
  /** @param input [M] from `inputStart`  @param output [2M] from 0, overwritten */
  transform(input: Float64Array, inputStart: number, output: Float64Array): void;
}

/** @param M coefficients: a power of two, at least 8 */
export function createInverseMdct(M: number): InverseMdct {
  const half = M / 2;
  const cosines = Float64Array.from({ length: half }, (_, n) => Math.cos((Math.PI * (n + 1 / 8)) / M));
  const sines = Float64Array.from({ length: half }, (_, n) => Math.sin((Math.PI * (n + 1 / 8)) / M));
  const places = bitReversal(half);
  const fft = createFft(half);
  const real = new Float64Array(half);
  const imaginary = new Float64Array(half);
  const dct = new Float64Array(M);

  /** DCT-IV: dct(n) = sum over k of x(k) cos(pi/M (n + 1/2)(k + 1/2)). */
  const transformDct = (input: Float64Array, start: number) => {
    for (let n = 0; n < half; n++) {
      const even = input[start + 2 * n]!;
      const odd = input[start + M - 1 - 2 * n]!;
      const place = places[n]!;
      real[place] = even * cosines[n]! + odd * sines[n]!;
      imaginary[place] = odd * cosines[n]! - even * sines[n]!;
    }
    fft(real, imaginary);
    for (let n = 0; n < half; n++) {
      dct[2 * n] = real[n]! * cosines[n]! + imaginary[n]! * sines[n]!;
      dct[M - 1 - 2 * n] = real[n]! * sines[n]! - imaginary[n]! * cosines[n]!;
    }
  };

  /** The MDCT's aliasing is the DCT-IV's symmetry: odd about M, even about 0. */
  const transform = (input: Float64Array, inputStart: number, output: Float64Array) => {
    transformDct(input, inputStart);
    for (let n = 0; n < half; n++) {
      const late = dct[half + n]! / M;
      const early = dct[n]! / M;
      output[n] = late;
      output[M - 1 - n] = -late;
      output[M + half - 1 - n] = -early;
      output[M + half + n] = -early;
    }
  };
  return { transform };
}
