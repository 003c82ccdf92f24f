/** Learned ways from one space into another, for queries that a space's own model cannot embed. */

import type { Modality } from '#shared/core/modality.ts';
import type { Calibration } from '#shared/encoders/space.ts';

export interface SpaceBridge {
  /** What it is called where it was trained. */
  readonly name: string;
  /** Ids of spaces. */
  readonly from: string;
  readonly to: string;
  /** Vectors of `from` [N, D1] to unit queries [N, D2] for vectors of `to` as they are stored. */
  bridge(vectors: Float32Array): Promise<Float32Array>;
  readonly calibration?: BridgeCalibration;
}

/** What a cosine over a bridge means, between the kinds of content that it was trained on. */
export interface BridgeCalibration extends Calibration {
  readonly from: Modality;
  readonly to: Modality;
}

export interface SpaceBridges {
  /** Those that lead into the space; the preferred one first. */
  into(spaceId: string): Promise<readonly SpaceBridge[]>;
}

export const noBridges: SpaceBridges = { into: async () => [] };
