/**
 * A 64-bit hash of what a picture looks like: the signs of its 64 lowest spatial frequencies against their median (pHash).
 * Re-encoding, resizing and small changes of light flip few bits. Source: Zauner, "Implementation and Benchmarking of
 * Perceptual Image Hash Functions", 2010, section 3.2.1.
 */

import type { Pixels } from './image.ts';
import { resamplePixels } from './resample-pixels.ts';

const SIZE = 32;
const FREQUENCIES = 8;
const FLAT = 1e-3; // a picture of one colour has no frequencies but rounding noise, which must not become bits

/** basis[u * SIZE + x] = cos(pi (u + 1)(2x + 1) / (2 SIZE)): frequencies 1 to 8, without the constant one. */
const BASIS = Float64Array.from({ length: FREQUENCIES * SIZE }, (_, i) => {
  const u = Math.floor(i / SIZE) + 1;
  const x = i % SIZE;
  return Math.cos((Math.PI * u * (2 * x + 1)) / (2 * SIZE));
});

/** The hash as 16 hexadecimal digits. All zero for a picture of one colour. */
export function perceptualHash(pixels: Pixels): string {
  const small = resamplePixels(pixels, SIZE, SIZE, 'bilinear').data;
  const luma = Float64Array.from({ length: SIZE * SIZE }, (_, i) => {
    return 0.299 * small[i * 3]! + 0.587 * small[i * 3 + 1]! + 0.114 * small[i * 3 + 2]!; // ITU-R BT.601
  });
  const coefficients = lowFrequencies(luma);
  const sorted = coefficients.toSorted();
  const median = (sorted[31]! + sorted[32]!) / 2;
  let hash = '';
  for (let digit = 0; digit < 16; digit++) {
    let bits = 0;
    for (let i = 0; i < 4; i++) bits = bits * 2 + (coefficients[digit * 4 + i]! > median + FLAT ? 1 : 0);
    hash += bits.toString(16);
  }
  return hash;
}

/** DCT-II of [SIZE, SIZE], of which only [FREQUENCIES, FREQUENCIES] are computed. */
function lowFrequencies(luma: Float64Array): Float64Array {
  const rows = new Float64Array(SIZE * FREQUENCIES);
  for (let y = 0; y < SIZE; y++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let x = 0; x < SIZE; x++) sum += luma[y * SIZE + x]! * BASIS[u * SIZE + x]!;
      rows[y * FREQUENCIES + u] = sum;
    }
  }
  const coefficients = new Float64Array(FREQUENCIES * FREQUENCIES);
  for (let v = 0; v < FREQUENCIES; v++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let y = 0; y < SIZE; y++) sum += rows[y * FREQUENCIES + u]! * BASIS[v * SIZE + y]!;
      coefficients[v * FREQUENCIES + u] = sum;
    }
  }
  return coefficients;
}

/** How many of the 64 bits differ: 0 for the same picture; copies differ by a few, unrelated pictures by about 32. */
export function hashDistance(a: string, b: string): number {
  let difference = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  let count = 0;
  for (; difference > 0n; difference &= difference - 1n) count++;
  return count;
}
