/**
 * Band-limited resampling of sound, block by block: y(n) = sum_k x(k) h(n M/L - k) with a Kaiser-windowed sinc h, its values
 * tabulated for each of the L phases. Source: Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/.
 */

import { dot } from '#shared/core/vector.ts';

export interface Resampler {
  /** The output that is complete after these samples. */
  push(samples: Float32Array): Float32Array;
  /** The rest, as if silence followed. Altogether round(S x toHz / fromHz) samples come out. */
  flush(): Float32Array;
}

/** Zero crossings of the sinc on each side: with the two numbers below, flat to 0.86 of the band and -90 dB from its end. */
const ZERO_CROSSINGS = 40;
const CUTOFF = 0.93;
const KAISER_BETA = 9;

/** 8 MB. Every pair of usual rates needs less and is exact; for the others the nearest of the phases that fit is taken. */
const MAX_TABLE = 2 ** 21;

/** From `fromHz` to `toHz`, both positive integers. The same rate passes samples through. */
export function createResampler(fromHz: number, toHz: number): Resampler {
  if (fromHz === toHz) return { push: (samples) => samples, flush: () => new Float32Array(0) };
  const divisor = greatestCommonDivisor(fromHz, toHz);
  const L = toHz / divisor;
  const M = fromHz / divisor;
  const cutoff = CUTOFF * Math.min(1, toHz / fromHz);
  const reach = Math.ceil(ZERO_CROSSINGS / cutoff); // input samples on each side of an output sample
  const taps = 2 * reach;
  const phases = Math.min(L, Math.floor(MAX_TABLE / taps));
  const table = filterTable(phases, reach, cutoff);

  let history = new Float32Array(reach - 1); // silence before the first sample
  let at = 0; // in `history`: first of the taps of the next output sample
  let phase = 0; // 0 to L - 1: how far the output sample lies behind the input sample, in 1/L
  let received = 0;
  let produced = 0;

  const push = (samples: Float32Array): Float32Array => {
    received += samples.length;
    const input = new Float32Array(history.length - Math.min(at, history.length) + samples.length);
    input.set(history.subarray(at));
    input.set(samples, input.length - samples.length);
    at = Math.max(0, at - history.length);
    const output = new Float32Array(Math.max(0, Math.ceil(((input.length - at) * L) / M) + 1));
    let count = 0;
    for (; at + taps <= input.length; count++) {
      const row = (phases === L ? phase : Math.floor((phase * phases) / L)) * taps;
      output[count] = dot(input, table, taps, at, row);
      phase += M;
      at += Math.floor(phase / L);
      phase %= L;
    }
    history = input;
    produced += count;
    return output.subarray(0, count);
  };
  const flush = (): Float32Array => {
    const missing = Math.round((received * L) / M) - produced;
    return push(new Float32Array(taps + Math.ceil(M / L))).subarray(0, missing);
  };
  return { push, flush };
}

/** [phases, taps]: row p is the filter for output samples p / phases behind an input sample. Each row sums to 1. */
function filterTable(phases: number, reach: number, cutoff: number): Float32Array {
  const taps = 2 * reach;
  const table = new Float32Array(phases * taps);
  for (let p = 0; p < phases; p++) {
    const row = Float64Array.from({ length: taps }, (_, k) => {
      const x = k - (reach - 1) - p / phases;
      return sinc(cutoff * x) * kaiser(x / reach);
    });
    const total = row.reduce((sum, value) => sum + value, 0);
    row.forEach((value, k) => {
      table[p * taps + k] = value / total;
    });
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** I0(beta sqrt(1 - x^2)) / I0(beta) for |x| <= 1, else 0. */
function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : besselI0(KAISER_BETA * Math.sqrt(1 - x * x)) / besselI0(KAISER_BETA);
}

/** I0(x) = sum_k ((x/2)^k / k!)^2, the modified Bessel function. */
function besselI0(x: number): number {
  let sum = 1;
  for (let k = 1, term = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
