/**
 * Temporal noise shaping: the spectrum was filtered so that noise follows the signal in time; this filters back.
 * Source: ISO/IEC 14496-3, 4.6.9.
 */

import type { BitReader } from './bit-reader.ts';
import { damaged } from './refusals.ts';
import { SHORT_SAMPLES, type WindowInfo } from './window-info.ts';

/** y(k) = x(k) - sum over m of lpc(m) y(k - m), over the coefficients from `start` to `end`. */
export interface TnsFilter {
  readonly start: number;
  readonly end: number;
  readonly isDownward: boolean;
  /** [order + 1], the first is 1. */
  readonly lpc: Float64Array;
}

/** Bands from here up are not filtered; by rate index. ISO/IEC 14496-3, table 4.155. */
const LONG_LIMITS = [31, 31, 34, 40, 42, 51, 46, 46, 42, 42, 42, 39, 39];
const SHORT_LIMITS = [9, 9, 10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14];

export function readTns(bits: BitReader, info: WindowInfo): TnsFilter[] {
  const isShort = info.sequence === 'short';
  const limit = Math.min((isShort ? SHORT_LIMITS : LONG_LIMITS)[info.rateIndex]!, info.bandCount);
  const filters: TnsFilter[] = [];
  for (let window = 0; window < (isShort ? 8 : 1); window++) {
    const count = bits.read(isShort ? 1 : 2);
    if (count === 0) continue;
    const resolution = bits.read(1) + 3;
    let top = info.bandOffsets.length - 1;
    for (let i = 0; i < count; i++) {
      const bottom = Math.max(0, top - bits.read(isShort ? 4 : 6));
      const order = bits.read(isShort ? 3 : 5);
      if (order > (isShort ? 7 : 12)) throw damaged('a noise-shaping filter is longer than AAC-LC allows');
      if (order > 0) {
        const isDownward = bits.readFlag();
        const lpc = readCoefficients(bits, order, resolution);
        const start = window * SHORT_SAMPLES + info.bandOffsets[Math.min(bottom, limit)]!;
        const end = window * SHORT_SAMPLES + info.bandOffsets[Math.min(top, limit)]!;
        filters.push({ start, end, isDownward, lpc });
      }
      top = bottom;
    }
  }
  return filters;
}

/** Reflection coefficients, quantised as arcsines, to those of a linear prediction. 4.6.9.3. */
function readCoefficients(bits: BitReader, order: number, resolution: number): Float64Array {
  const width = resolution - bits.read(1); // compressed: the most significant bit is left out
  const lpc = new Float64Array(order + 1);
  const previous = new Float64Array(order + 1);
  lpc[0] = 1;
  for (let m = 1; m <= order; m++) {
    const coded = bits.read(width);
    const level = coded >= 2 ** (width - 1) ? coded - 2 ** width : coded;
    const steps = 2 ** (resolution - 1) + (level >= 0 ? -0.5 : 0.5);
    const reflection = Math.sin((level * Math.PI) / 2 / steps);
    previous.set(lpc);
    for (let i = 1; i < m; i++) lpc[i] = previous[i]! + reflection * previous[m - i]!;
    lpc[m] = reflection;
  }
  return lpc;
}

/** Filters in place. */
export function applyTns(spectrum: Float64Array, filters: readonly TnsFilter[]): void {
  for (const { start, end, isDownward, lpc } of filters) {
    const step = isDownward ? -1 : 1;
    for (let n = 0, at = isDownward ? end - 1 : start; n < end - start; n++, at += step) {
      let value = spectrum[at]!;
      for (let m = Math.min(n, lpc.length - 1); m > 0; m--) value -= lpc[m]! * spectrum[at - m * step]!;
      spectrum[at] = value;
    }
  }
}
