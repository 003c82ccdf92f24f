/** A space: the vectors of one model version, and how cosines in it become match probabilities. */

import type { Modality } from '#shared/core/modality.ts';
import { sigmoid } from '#shared/core/probability.ts';

/** probability = sigmoid(scale x cosine + bias); `scale` > 0. */
export interface Calibration {
  readonly scale: number;
  readonly bias: number;
}

/** Two modalities in alphabetical order, the query's and the item's: `audio-image`, `image-text`, `text-text`. */
export type ModalityPair = `${Modality}-${Modality}`;

export interface Space {
  /** Names the model and the digest of its weights: `chiasm-starter-1-3fa2b1c0`. Part of object keys. */
  readonly id: string;
  /** D, the embedding size. */
  readonly dimensions: number;
  readonly calibration: Readonly<Partial<Record<ModalityPair, Calibration>>>;
}

export function modalityPair(a: Modality, b: Modality): ModalityPair {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}

/** The match probability of a cosine, in [0, 1]; undefined when the space has no calibration for the pair. */
export function matchProbability(space: Space, a: Modality, b: Modality, cosine: number): number | undefined {
  const calibration = space.calibration[modalityPair(a, b)];
  return calibration && sigmoid(calibration.scale * cosine + calibration.bias);
}
