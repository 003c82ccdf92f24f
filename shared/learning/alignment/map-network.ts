/** The network of a map, as all methods but the linear one use it. */

import type { Random } from '#shared/core/random.ts';
import { dense, glorotUniform, heNormal, type Layer } from '../graph/layers.ts';
import { add, constant, matMul, multiply, relu, sigmoid, subtract } from '../graph/operators.ts';
import type { Projection } from './linear-cca.ts';
import type { Standardisation } from './pairs.ts';

const ACTIVATIONS = { relu: [relu, heNormal], sigmoid: [sigmoid, glorotUniform] } as const;

/** inputs -> hidden[0] -> ... -> outputs, with a nonlinearity after all but the last. */
export function perceptron(
  name: string,
  sizes: readonly number[],
  activation: keyof typeof ACTIVATIONS,
  numbers: Random,
): Layer {
  const [nonlinear, initialise] = ACTIVATIONS[activation];
  const layers = sizes.slice(1).map((size, i) => {
    const isLast = i === sizes.length - 2;
    return dense(`${name}/${i}`, sizes[i]!, size, numbers, isLast ? glorotUniform : initialise);
  });
  return (x) => layers.reduce((value, layer, i) => layer(i === 0 ? value : nonlinear(value)), x);
}

/** (x - mean) / scale, with what is known from the training pairs. */
export const standardise =
  ({ mean, scale }: Standardisation): Layer =>
  (x) =>
    multiply(subtract(x, constant([mean.length], mean)), 1 / scale);

/** (x - mean) weights, each column i times factors[i]. */
export function fixedProjection({ mean, weights }: Projection, factors: ArrayLike<number>): Layer {
  const columns = weights.columns;
  const matrix = Float32Array.from(weights.data, (value, i) => value * factors[i % columns]!);
  // the mean goes through in float64: it may be large beside the differences
  const shift = Float64Array.from({ length: columns }, (_, column) => {
    let sum = 0;
    for (let i = 0; i < weights.rows; i++) sum += mean[i]! * weights.data[i * columns + column]!;
    return -sum * factors[column]!;
  });
  return (x) =>
    add(matMul(x, constant([weights.rows, columns], matrix)), constant([columns], Float32Array.from(shift)));
}
