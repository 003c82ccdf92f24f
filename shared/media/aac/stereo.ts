/** What the two channels of a pair share. Source: ISO/IEC 14496-3, 4.6.8 (M/S and intensity stereo) and 4.6.13 (noise). */

import {
  type ChannelStream,
  forEachBand,
  INTENSITY_BOOK,
  INTENSITY_OPPOSITE_BOOK,
  NOISE_BOOK,
} from './channel-stream.ts';

export interface StereoMask {
  /** 1 for each band that is coded as middle and side. */
  readonly bands: Uint8Array;
  /** Whether the mask was sent band by band: then it turns the phase of intensity bands. */
  readonly invertsIntensity: boolean;
}

/** Changes both spectra in place, after the noise was filled in. */
export function applyStereo(left: ChannelStream, right: ChannelStream, mask: StereoMask | undefined): void {
  forEachBand(right.info, (band, start, end) => {
    const book = right.books[band]!;
    const isMasked = mask?.bands[band] === 1;
    if (book === INTENSITY_BOOK || book === INTENSITY_OPPOSITE_BOOK) {
      const isInverted = isMasked && mask.invertsIntensity;
      const sign = (book === INTENSITY_BOOK) === isInverted ? -1 : 1;
      copy(left.spectrum, right.spectrum, start, end, sign * 2 ** (-right.scaleFactors[band]! / 4));
    } else if (!isMasked) {
      return;
    } else if (book === NOISE_BOOK && left.books[band] === NOISE_BOOK) {
      // One noise in both channels, with the energy of each.
      const steps = right.scaleFactors[band]! - left.scaleFactors[band]!;
      copy(left.spectrum, right.spectrum, start, end, 2 ** (steps / 4));
    } else if (book !== NOISE_BOOK && left.books[band]! < NOISE_BOOK) {
      for (let k = start; k < end; k++) {
        const middle = left.spectrum[k]!;
        const side = right.spectrum[k]!;
        left.spectrum[k] = middle + side;
        right.spectrum[k] = middle - side;
      }
    }
  });
}

function copy(from: Float64Array, to: Float64Array, start: number, end: number, scale: number): void {
  for (let k = start; k < end; k++) to[k] = from[k]! * scale;
}
