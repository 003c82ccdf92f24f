/** Pieces of networks over rows [B, D]. What is learned is made once, when a layer is made; the layer may be used often. */

import type { Random } from '#shared/core/random.ts';
import { type Expression, type Shape, sizeOf } from './expression.ts';
import {
  add,
  divide,
  exp,
  isPositive,
  logSumExp,
  matMul,
  multiply,
  parameter,
  random,
  sqrt,
  subtract,
  sum,
} from './operators.ts';

export type Layer = (x: Expression) => Expression;

/** First values of a weight matrix [inputs, outputs]. */
export type Initialiser = (shape: Shape, numbers: Random) => Float32Array;

/** U(-a, a), a = sqrt(6 / (inputs + outputs)), for sigmoid and tanh (Glorot and Bengio 2010, equation 16). */
export const glorotUniform: Initialiser = (shape, numbers) => {
  const bound = Math.sqrt(6 / (shape.at(-2)! + shape.at(-1)!));
  return Float32Array.from({ length: sizeOf(shape) }, () => (2 * numbers.uniform() - 1) * bound);
};

/** N(0, 2 / inputs), for ReLU (He et al. 2015, equation 10). */
export const heNormal: Initialiser = (shape, numbers) => {
  const deviation = Math.sqrt(2 / shape.at(-2)!);
  return Float32Array.from({ length: sizeOf(shape) }, () => numbers.normal() * deviation);
};

/** x W + b: [B, inputs] to [B, outputs]. */
export function dense(
  name: string,
  inputs: number,
  outputs: number,
  numbers: Random,
  initialise: Initialiser = glorotUniform,
): Layer {
  const shape = [inputs, outputs];
  const weight = parameter(`${name}/weight`, shape, initialise(shape, numbers));
  const bias = parameter(`${name}/bias`, [outputs], new Float32Array(outputs));
  return (x) => add(matMul(x, weight), bias);
}

/** gain (x - mean) / sqrt(variance + 1e-5) + bias over the last axis (Ba et al. 2016). */
export function layerNorm(name: string, size: number): Layer {
  const gain = parameter(`${name}/gain`, [size], new Float32Array(size).fill(1));
  const bias = parameter(`${name}/bias`, [size], new Float32Array(size));
  return (x) => {
    const axis = x.shape.length - 1;
    const centred = subtract(x, mean(x, [axis]));
    const deviation = sqrt(add(mean(multiply(centred, centred), [axis]), 1e-5));
    return add(multiply(divide(centred, deviation), gain), bias);
  };
}

/** Where dropout takes its random numbers from. */
export interface Noise {
  /** New numbers in [0, 1) for each call and each step. */
  uniform(shape: Shape): Expression;
}

/** @param step a scalar that differs from step to step, as `STEP` @param seed a whole number below 2^15 */
export function createNoise(step: Expression, seed: number): Noise {
  let uses = 0;
  return { uniform: (shape) => random(step, shape, (seed % 2 ** 15) * 2 ** 16 + uses++) };
}

/** Zeroes a share `rate` of the elements and scales the others by 1 / (1 - rate); without noise, `x` itself. */
export function dropout(x: Expression, rate: number, noise: Noise | undefined): Expression {
  if (noise === undefined || rate === 0) return x;
  const kept = isPositive(subtract(noise.uniform(x.shape), rate));
  return multiply(x, multiply(kept, 1 / (1 - rate)));
}

/** Axes stay with size 1. @param axes all of them when left out */
export function mean(x: Expression, axes: readonly number[] = [...x.shape.keys()]): Expression {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  return divide(sum(x, axes), count);
}

/** log(exp x_i / sum_j exp x_j) over one axis. */
export const logSoftmax = (x: Expression, axis = x.shape.length - 1): Expression => subtract(x, logSumExp(x, axis));

/** exp x_i / sum_j exp x_j over one axis. */
export const softmax = (x: Expression, axis = x.shape.length - 1): Expression => exp(logSoftmax(x, axis));

/** Rows divided by their length: x / sqrt(|x|^2 + 1e-12). */
export function unitRows(x: Expression): Expression {
  return divide(x, sqrt(add(sum(multiply(x, x), [x.shape.length - 1]), 1e-12)));
}
