/** From spectra to samples: inverse MDCT, windows, overlap-add. Source: ISO/IEC 14496-3, 4.6.11. */

import { createInverseMdct } from './mdct.ts';
import { FRAME_SAMPLES, SHORT_SAMPLES, type WindowInfo } from './window-info.ts';

export interface Filterbank {
  /** The next 1024 samples, full scale at 1. */
  synthesize(spectrum: Float64Array, info: WindowInfo): Float32Array;
}

const FULL_SCALE = 32_768; // the standard's samples are 16-bit integers
const FLAT = (FRAME_SAMPLES - SHORT_SAMPLES) / 2; // samples before and after the short slope of a long window

const LONG_MDCT = createInverseMdct(FRAME_SAMPLES);
const SHORT_MDCT = createInverseMdct(SHORT_SAMPLES);

/** Rising halves of the windows. */
const LONG_SLOPES = { sine: sineSlope(FRAME_SAMPLES), kbd: kaiserSlope(FRAME_SAMPLES, 4) };
const SHORT_SLOPES = { sine: sineSlope(SHORT_SAMPLES), kbd: kaiserSlope(SHORT_SAMPLES, 6) };

/** w(n) = sin(pi (n + 1/2) / 2N). 4.6.11.3.2. */
function sineSlope(N: number): Float64Array {
  return Float64Array.from({ length: N }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / (2 * N)));
}

/** w(n) = sqrt(sum to n of k / sum of k), k the Kaiser window of N + 1 values with beta = pi alpha. 4.6.11.3.2. */
function kaiserSlope(N: number, alpha: number): Float64Array {
  const kernel = Float64Array.from({ length: N + 1 }, (_, n) => {
    return besselI0(Math.PI * alpha * Math.sqrt(1 - ((2 * n) / N - 1) ** 2));
  });
  const total = kernel.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  return kernel.subarray(0, N).map((value) => {
    sum += value;
    return Math.sqrt(sum / total);
  });
}

/** I0(x) = sum over k of ((x / 2)^k / k!)^2. */
function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * Number.EPSILON; k++) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

/** The filterbank of one channel, with what the last frame left to overlap. */
export function createFilterbank(): Filterbank {
  const overlap = new Float64Array(FRAME_SAMPLES);
  const output = new Float64Array(2 * FRAME_SAMPLES);
  const short = new Float64Array(2 * SHORT_SAMPLES);
  let lastShape: WindowInfo['shape'] = 'sine';

  const synthesizeShort = (spectrum: Float64Array, shape: WindowInfo['shape']) => {
    output.fill(0);
    for (let window = 0; window < 8; window++) {
      SHORT_MDCT.transform(spectrum, window * SHORT_SAMPLES, short);
      const rise = SHORT_SLOPES[window === 0 ? lastShape : shape];
      const fall = SHORT_SLOPES[shape];
      const start = FLAT + window * SHORT_SAMPLES;
      for (let n = 0; n < SHORT_SAMPLES; n++) {
        output[start + n]! += short[n]! * rise[n]!;
        output[start + 2 * SHORT_SAMPLES - 1 - n]! += short[2 * SHORT_SAMPLES - 1 - n]! * fall[n]!;
      }
    }
  };

  const synthesizeLong = (spectrum: Float64Array, { sequence, shape }: WindowInfo) => {
    LONG_MDCT.transform(spectrum, 0, output);
    const hasShortRise = sequence === 'stop';
    const hasShortFall = sequence === 'start';
    const rise = (hasShortRise ? SHORT_SLOPES : LONG_SLOPES)[lastShape];
    const fall = (hasShortFall ? SHORT_SLOPES : LONG_SLOPES)[shape];
    const riseStart = hasShortRise ? FLAT : 0;
    const fallStart = hasShortFall ? FLAT : 0; // both from their outer end
    const last = 2 * FRAME_SAMPLES - 1;
    output.fill(0, 0, riseStart);
    output.fill(0, last + 1 - fallStart);
    for (let n = 0; n < rise.length; n++) output[riseStart + n]! *= rise[n]!;
    for (let n = 0; n < fall.length; n++) output[last - fallStart - n]! *= fall[n]!;
  };

  const synthesize = (spectrum: Float64Array, info: WindowInfo) => {
    if (info.sequence === 'short') synthesizeShort(spectrum, info.shape);
    else synthesizeLong(spectrum, info);
    lastShape = info.shape;
    const samples = new Float32Array(FRAME_SAMPLES);
    for (let n = 0; n < FRAME_SAMPLES; n++) samples[n] = (overlap[n]! + output[n]!) / FULL_SCALE;
    overlap.set(output.subarray(FRAME_SAMPLES));
    return samples;
  };
  return { synthesize };
}
