/**
 * The inverse MDCT by a complex FFT of a quarter of its length.
 * Source: ISO/IEC 14496-3, 4.6.11.3.1; Britanak and Rao, "Discrete Cosine and Sine Transforms" (2007), 4.6, for the DCT-IV.
 */

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

/** Place of each sample before a radix-2 transform. */
function bitReversal(size: number): Uint16Array {
  const places = new Uint16Array(size);
  for (let i = 1; i < size; i++) places[i] = (places[i >> 1]! >> 1) + (i & 1) * (size / 2);
  return places;
}

/** X(k) = sum over n of x(n) exp(-2 pi i k n / size), in place, from bit-reversed order. Cooley and Tukey, radix 2. */
function createFft(size: number): (real: Float64Array, imaginary: Float64Array) => void {
  const cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  return (real, imaginary) => {
    for (let span = 1; span < size; span *= 2) {
      const step = size / 2 / span;
      for (let k = 0; k < span; k++) {
        const c = cosines[k * step]!;
        const s = sines[k * step]!;
        for (let a = k; a < size; a += 2 * span) {
          const b = a + span;
          const r = real[b]! * c + imaginary[b]! * s;
          const i = imaginary[b]! * c - real[b]! * s;
          real[b] = real[a]! - r;
          imaginary[b] = imaginary[a]! - i;
          real[a]! += r;
          imaginary[a]! += i;
        }
      }
    }
  };
}
