/** The match probability of a whole query: what its positive terms ask for, less what its negative terms find. */

import type { Modality } from '#shared/core/modality.ts';
import { sigmoid } from '#shared/core/probability.ts';
import { dot } from '#shared/core/vector.ts';
import type { Space } from '#shared/encoders/space.ts';
import { type MatchCalibration, matchLogit, queryCalibration, termCalibration } from './calibrate.ts';
import { combineTerms, type QueryEmbedding } from './embed-query.ts';

/** The match probability of a query with the vector v [D] of an item's part; undefined where no calibration says. */
export type MatchProbability = (itemModality: Modality, vector: Float32Array) => number | undefined;

/**
 * P = sigmoid(matchLogit(cos(q, v))) x prod_j (1 - p_j)^(|w_j| / w), with q the combination of the positive terms, p_j the
 * match probability of the negative term j alone and w the greatest positive weight (the exponent is at most 1). So what a
 * negative term speaks of lowers P only where it is really there. Without positive terms q is the whole query.
 */
export function createMatchProbability(space: Space, query: QueryEmbedding): MatchProbability {
  const positive = query.terms.filter((term) => term.weight > 0);
  const negative = positive.length === 0 ? [] : query.terms.filter((term) => term.weight < 0);
  const wanted = negative.length === 0 ? query.vector : combineTerms(positive);
  const greatest = Math.max(...positive.map((term) => term.weight));
  const calibrations = new Map<Modality, MatchCalibration | undefined>();
  return (itemModality, vector) => {
    if (!calibrations.has(itemModality)) {
      calibrations.set(itemModality, queryCalibration(space, query.terms, itemModality));
    }
    const calibration = calibrations.get(itemModality);
    if (calibration === undefined) return undefined;
    let probability = sigmoid(matchLogit(calibration, dot(wanted, vector)));
    for (const term of negative) {
      const own = termCalibration(space, term, itemModality);
      const unwanted = own === undefined ? 0 : sigmoid(matchLogit(own, dot(term.vector, vector)));
      probability *= (1 - unwanted) ** Math.min(1, Math.abs(term.weight) / greatest);
    }
    return probability;
  };
}
