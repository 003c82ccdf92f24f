/** The calibration of a query that may mix modalities. */

import type { Modality } from '#shared/core/modality.ts';
import { type Calibration, modalityPair, type Space } from '#shared/encoders/space.ts';
import type { SpaceBridge } from '#shared/spaces/space-bridge.ts';

export interface TermModality {
  readonly modality: Modality;
  readonly weight: number;
  /** The bridge that it came over from another space; what its cosines mean the bridge alone can say. */
  readonly bridge?: Pick<SpaceBridge, 'name' | 'calibration'>;
}

/** What a cosine between the term and an item of the modality means; undefined where nothing says. */
export function termCalibration(
  space: Space,
  { modality, bridge }: TermModality,
  itemModality: Modality,
): Calibration | undefined {
  if (bridge === undefined) return space.calibration[modalityPair(modality, itemModality)];
  const { calibration } = bridge;
  return calibration?.from === modality && calibration.to === itemModality ? calibration : undefined;
}

/**
 * The calibration of a query against items of one modality:
 * scale = sum_i s_i scale_i, bias = sum_i s_i bias_i, with s_i the term's share of the positive weights (of the absolute
 * weights when none is positive). One term has exactly the calibration of its pair; a mixture lies between its terms'.
 * Undefined when a pair that counts has none.
 */
export function queryCalibration(
  space: Space,
  terms: readonly TermModality[],
  itemModality: Modality,
): Calibration | undefined {
  const positive = terms.filter((term) => term.weight > 0);
  const counted = positive.length > 0 ? positive : terms.filter((term) => term.weight < 0);
  const total = counted.reduce((sum, term) => sum + Math.abs(term.weight), 0);
  let scale = 0;
  let bias = 0;
  for (const term of counted) {
    const pair = termCalibration(space, term, itemModality);
    if (pair === undefined) return undefined;
    const share = Math.abs(term.weight) / total;
    scale += share * pair.scale;
    bias += share * pair.bias;
  }
  return counted.length === 0 ? undefined : { scale, bias };
}

/** logit = scale x cosine + bias: orders like the probability and does not saturate. */
export function matchLogit(calibration: Calibration, cosine: number): number {
  return calibration.scale * cosine + calibration.bias;
}
