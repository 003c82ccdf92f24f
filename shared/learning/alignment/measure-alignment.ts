/** How well two maps bring together what belongs together, on pairs that were not trained on. */

import { dot } from '#shared/core/vector.ts';
import { columnCorrelations, linearCca, project } from './linear-cca.ts';
import { toMatrix } from './pairs.ts';

export interface AlignmentMetric {
  readonly name: string;
  readonly value: number;
  /** What guessing reaches. */
  readonly chance?: number;
}

const RECALL_AT = [1, 5, 10] as const;

/**
 * Share of the queries whose partner is among the k nearest by dot product, ties counting against the query.
 * @param queries [N, d] @param targets [N, d]
 */
export function recalls(name: string, queries: Float32Array, targets: Float32Array, dimensions: number) {
  const count = queries.length / dimensions;
  const ranks = Array.from({ length: count }, (_, i) => {
    const score = (j: number) => dot(queries, targets, dimensions, i * dimensions, j * dimensions);
    const own = score(i);
    let ahead = 0;
    for (let j = 0; j < count; j++) if (j !== i && score(j) >= own) ahead++;
    return ahead + 1;
  });
  return RECALL_AT.map(
    (k): AlignmentMetric => ({
      name: `${name} recall@${k}`,
      value: ranks.filter((rank) => rank <= k).length / count,
      chance: Math.min(1, k / count),
    }),
  );
}

/** A little, so that constant or repeated dimensions do not disturb. */
const REGULARISATION = 1e-6;

export interface Latents {
  /** [N, d] of either side. */
  readonly from: Float32Array;
  readonly to: Float32Array;
}

/**
 * Canonical correlations on held-out pairs: the directions are those of the training pairs, the correlations Pearson's
 * on the others.
 */
export function heldOutCorrelations(training: Latents, heldOut: Latents, dimensions: number): Float64Array {
  const matrix = (data: Float32Array) => toMatrix(data, dimensions);
  const { from, to } = linearCca(matrix(training.from), matrix(training.to), dimensions, REGULARISATION);
  return columnCorrelations(project(matrix(heldOut.from), from), project(matrix(heldOut.to), to));
}
