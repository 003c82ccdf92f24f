/** The calibration of a query that may mix modalities. */

import type { Modality } from '#shared/core/modality.ts';
import { type Calibration, modalityPair, type Space } from '#shared/encoders/space.ts';
import type { SpaceBridge } from '#shared/spaces/space-bridge.ts';
import { SIMILAR_COSINE } from '#shared/vector-index/find-duplicates.ts';

/** Two encodings of the same bytes differ by rounding. */
const LEAST_DISTANCE = 1e-6;

export interface TermModality {
  readonly modality: Modality;
  readonly weight: number;
  /** The bridge that it came over from another space; what its cosines mean the bridge alone can say. */
  readonly bridge?: Pick<SpaceBridge, 'name' | 'calibration'>;
}

export interface MatchCalibration extends Calibration {
  /** Query and item are of one modality in their own space, so that a cosine of almost 1 is a copy. */
  readonly sameModality?: true;
}

/** What a cosine between the term and an item of the modality means; undefined where nothing says. */
export function termCalibration(
  space: Space,
  { modality, bridge }: TermModality,
  itemModality: Modality,
): MatchCalibration | undefined {
  if (bridge === undefined) {
    const pair = space.calibration[modalityPair(modality, itemModality)];
    return pair && modality === itemModality ? { ...pair, sameModality: true } : pair;
  }
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
): MatchCalibration | undefined {
  const positive = terms.filter((term) => term.weight > 0);
  const counted = positive.length > 0 ? positive : terms.filter((term) => term.weight < 0);
  const total = counted.reduce((sum, term) => sum + Math.abs(term.weight), 0);
  let scale = 0;
  let bias = 0;
  let sameModality = counted.length > 0;
  for (const term of counted) {
    const pair = termCalibration(space, term, itemModality);
    if (pair === undefined) return undefined;
    const share = Math.abs(term.weight) / total;
    scale += share * pair.scale;
    bias += share * pair.bias;
    sameModality &&= pair.sameModality === true;
  }
  return counted.length === 0 ? undefined : { scale, bias, ...(sameModality && { sameModality }) };
}

/**
 * logit = scale x cosine + bias: orders like the probability and does not saturate. Within one modality, for a cosine c
 * above 0.95, + 2 ln(0.05 / (1 - c)). A line fitted to pairs of the same kind of thing is sure of nothing, not even of the
 * thing itself (the bundled model: 0.505 at c = 1, less than many a sound has for a picture); but the number of others
 * that near falls at least with the square of the distance, and a copy stays.
 */
export function matchLogit({ scale, bias, sameModality }: MatchCalibration, cosine: number): number {
  const logit = scale * cosine + bias;
  if (!sameModality || cosine <= SIMILAR_COSINE) return logit;
  return logit + 2 * Math.log((1 - SIMILAR_COSINE) / Math.max(LEAST_DISTANCE, 1 - cosine));
}
