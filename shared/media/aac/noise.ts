/** Perceptual noise substitution: bands of which only the energy was kept become noise. Source: ISO/IEC 14496-3, 4.6.13. */

import { type ChannelStream, forEachBand, NOISE_BOOK } from './channel-stream.ts';

export interface NoiseSource {
  /** Fills the bands of noise. */
  fill(stream: ChannelStream): void;
}

/** The noise is the same each time that a file is decoded, so that its embedding is. */
export function createNoiseSource(): NoiseSource {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0; // Numerical Recipes, 7.1
    return state;
  };
  const fill = ({ info, books, scaleFactors, spectrum }: ChannelStream) =>
    forEachBand(info, (band, start, end) => {
      if (books[band] !== NOISE_BOOK) return;
      let energy = 0;
      for (let k = start; k < end; k++) {
        spectrum[k] = next();
        energy += spectrum[k]! ** 2;
      }
      const scale = 2 ** (scaleFactors[band]! / 4) / Math.sqrt(energy);
      for (let k = start; k < end; k++) spectrum[k]! *= scale;
    });
  return { fill };
}
