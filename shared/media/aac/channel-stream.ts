/** What a frame says about one channel, and the walk over its bands. */

import type { TnsFilter } from './tns.ts';
import { SHORT_SAMPLES, type WindowInfo } from './window-info.ts';

export interface ChannelStream {
  readonly info: WindowInfo;
  /** By band, group after group: the Huffman book 1 to 11, 0 for zeros, or one of the three below. */
  readonly books: Uint8Array;
  /** By band: scale factor, intensity position or noise energy, as the book says; each in steps of 1.5 dB. */
  readonly scaleFactors: Int16Array;
  readonly filters: readonly TnsFilter[];
  /** [1024]: a long window's coefficients, or those of eight short windows one after another. */
  readonly spectrum: Float64Array;
}

export const NOISE_BOOK = 13;
export const INTENSITY_OPPOSITE_BOOK = 14;
export const INTENSITY_BOOK = 15;

/** Each band of each window, in the order of the bitstream: its place among the bands, and its coefficients. */
export function forEachBand(
  { groups, bandCount, bandOffsets }: WindowInfo,
  visit: (band: number, start: number, end: number) => void,
): void {
  let firstWindow = 0;
  for (let group = 0; group < groups.length; group++) {
    const afterWindow = firstWindow + groups[group]!;
    for (let band = 0; band < bandCount; band++) {
      for (let window = firstWindow; window < afterWindow; window++) {
        const origin = window * SHORT_SAMPLES;
        visit(group * bandCount + band, origin + bandOffsets[band]!, origin + bandOffsets[band + 1]!);
      }
    }
    firstWindow = afterWindow;
  }
}
