/** The shape of one frame's transform: ics_info. Source: ISO/IEC 14496-3, 4.4.2.1 and tables 4.129 to 4.141 (band offsets). */

import type { BitReader } from './bit-reader.ts';
import { damaged } from './refusals.ts';

export type WindowSequence = 'long' | 'start' | 'short' | 'stop';
const SEQUENCES: readonly WindowSequence[] = ['long', 'start', 'short', 'stop'];

export interface WindowInfo {
  readonly sequence: WindowSequence;
  readonly shape: 'sine' | 'kbd';
  /** Bands that are coded, of `bandOffsets.length - 1`. */
  readonly bandCount: number;
  /** First coefficient of each scale factor band in a window, and the end of the last. */
  readonly bandOffsets: readonly number[];
  /** How many windows share each set of scale factors: [1] but for short windows, whose lengths sum to 8. */
  readonly groups: readonly number[];
  readonly rateIndex: number;
}

/** Coefficients of a frame, and samples that it gives. */
export const FRAME_SAMPLES = 1024;
/** Coefficients of one of the eight short windows. */
export const SHORT_SAMPLES = 128;

/** ISO/IEC 14496-3, 1.6.3.3. What stands for a rate in headers is its place. */
export const SAMPLE_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
] as const;

/** From widths given as [width, how often] to offsets. */
function bands(...widths: readonly (readonly [number, number])[]): readonly number[] {
  const offsets = [0];
  for (const [width, times] of widths) for (let i = 0; i < times; i++) offsets.push(offsets.at(-1)! + width);
  return offsets;
}

const LONG_96 = bands([4, 14], [8, 5], [12, 5], [16, 2], [24, 1], [28, 1], [36, 1], [44, 1], [64, 11]);
const LONG_64 = bands([4, 14], [8, 4], [12, 3], [16, 3], [20, 1], [24, 2], [28, 1], [36, 1], [40, 18]);
const LONG_48 = bands([4, 10], [8, 7], [12, 4], [16, 2], [20, 2], [24, 2], [28, 2], [32, 19], [96, 1]);
const LONG_32 = bands([4, 10], [8, 7], [12, 4], [16, 2], [20, 2], [24, 2], [28, 2], [32, 22]);
const LONG_24 = bands(
  [4, 11],
  [8, 10],
  [12, 4],
  [16, 3],
  [20, 2],
  [24, 2],
  [28, 2],
  [32, 1],
  [36, 2],
  [40, 1],
  [44, 1],
  [48, 1],
  [52, 2],
  [64, 5],
);
const LONG_16 = bands(
  [8, 11],
  [12, 9],
  [16, 4],
  [20, 3],
  [24, 2],
  [28, 2],
  [32, 1],
  [36, 1],
  [40, 2],
  [44, 1],
  [48, 1],
  [52, 1],
  [56, 1],
  [60, 1],
  [64, 3],
);
const LONG_8 = bands(
  [12, 13],
  [16, 7],
  [20, 4],
  [24, 3],
  [28, 2],
  [32, 1],
  [36, 2],
  [40, 1],
  [44, 1],
  [48, 1],
  [52, 1],
  [56, 1],
  [60, 1],
  [64, 1],
  [80, 1],
);
const SHORT_96 = bands([4, 6], [8, 3], [16, 1], [28, 1], [36, 1]);
const SHORT_48 = bands([4, 5], [8, 3], [12, 3], [16, 3]);
const SHORT_24 = bands([4, 7], [8, 3], [12, 2], [16, 2], [20, 1]);
const SHORT_16 = bands([4, 8], [8, 2], [12, 2], [16, 1], [20, 2]);
const SHORT_8 = bands([4, 7], [8, 4], [12, 1], [16, 1], [20, 2]);

/** By rate index. */
const LONG_BANDS = [
  LONG_96,
  LONG_96,
  LONG_64,
  LONG_48,
  LONG_48,
  LONG_32,
  LONG_24,
  LONG_24,
  LONG_16,
  LONG_16,
  LONG_16,
  LONG_8,
  LONG_8,
];
const SHORT_BANDS = [
  SHORT_96,
  SHORT_96,
  SHORT_96,
  SHORT_48,
  SHORT_48,
  SHORT_48,
  SHORT_24,
  SHORT_24,
  SHORT_16,
  SHORT_16,
  SHORT_16,
  SHORT_8,
  SHORT_8,
];

export function readWindowInfo(bits: BitReader, rateIndex: number): WindowInfo {
  bits.skip(1); // reserved
  const sequence = SEQUENCES[bits.read(2)]!;
  const shape = bits.readFlag() ? 'kbd' : 'sine';
  const isShort = sequence === 'short';
  const bandOffsets = (isShort ? SHORT_BANDS : LONG_BANDS)[rateIndex]!;
  const bandCount = bits.read(isShort ? 4 : 6);
  if (bandCount >= bandOffsets.length) throw damaged('a frame has more bands than its rate allows');
  const groups = isShort ? readGroups(bits) : [1];
  if (!isShort && bits.readFlag()) throw damaged('a frame is predicted, which AAC-LC forbids');
  return { sequence, shape, bandCount, bandOffsets, groups, rateIndex };
}

/** One bit for each window but the first: whether it belongs to the group of the one before it. */
function readGroups(bits: BitReader): number[] {
  const groups = [1];
  for (let window = 1; window < 8; window++) {
    if (bits.readFlag()) groups[groups.length - 1]! += 1;
    else groups.push(1);
  }
  return groups;
}
