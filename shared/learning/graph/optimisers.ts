/** How a gradient moves a parameter. An optimiser's memory are parameters of its own. */

import { type Expression, sizeOf } from './expression.ts';
import { add, divide, exp, multiply, parameter, sqrt, subtract } from './operators.ts';
import type { Assignment } from './training-step.ts';

/** @param learningRate a scalar @param step a scalar, 1 for the first */
export type Optimiser = (
  target: Expression<'parameter'>,
  gradient: Expression,
  learningRate: Expression,
  step: Expression,
) => readonly Assignment[];

/** Zeros at first, in the shape of `target`. */
function memory(target: Expression<'parameter'>, what: string): Expression<'parameter'> {
  return parameter(`${target.attributes.name}/${what}`, target.shape, new Float32Array(sizeOf(target.shape)));
}

/** v' = momentum v + g, w' = w - rate v' */
export function sgd({ momentum = 0 } = {}): Optimiser {
  return (target, gradient, learningRate) => {
    if (momentum === 0) return [{ target, value: subtract(target, multiply(learningRate, gradient)) }];
    const velocity = memory(target, 'velocity');
    const next = add(multiply(momentum, velocity), gradient);
    return [
      { target, value: subtract(target, multiply(learningRate, next)) },
      { target: velocity, value: next },
    ];
  };
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled from the gradient: with it, this is AdamW (Loshchilov and Hutter 2019). @default 0 */
  readonly weightDecay?: number;
}

/**
 * m' = b1 m + (1 - b1) g, v' = b2 v + (1 - b2) g^2, w' = w - rate (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) + epsilon)
 * (Kingma and Ba 2015, algorithm 1). Memory holds M = m / (1 - b1) and V = v / (1 - b2): two passes over the parameter less.
 */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamOptions = {}): Optimiser {
  return (target, gradient, learningRate, step) => {
    const first = memory(target, 'first moment');
    const second = memory(target, 'second moment');
    const nextFirst = add(multiply(first, beta1), gradient);
    const nextSecond = add(multiply(second, beta2), multiply(gradient, gradient));
    const firstScale = divide(1 - beta1, correction(beta1, step));
    const secondScale = sqrt(divide(1 - beta2, correction(beta2, step)));
    const rate = divide(multiply(learningRate, firstScale), secondScale);
    const move = multiply(divide(nextFirst, add(sqrt(nextSecond), divide(epsilon, secondScale))), rate);
    const kept = weightDecay === 0 ? target : multiply(target, subtract(1, multiply(learningRate, weightDecay)));
    return [
      { target, value: subtract(kept, move) },
      { target: first, value: nextFirst },
      { target: second, value: nextSecond },
    ];
  };
}

/** 1 - beta^step */
const correction = (beta: number, step: Expression): Expression => subtract(1, exp(multiply(step, Math.log(beta))));

/** Biases and scales are left alone by weight decay, as usual: only matrices shrink. */
export const adamW = ({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimiser => {
  const plain = adam(options);
  const decayed = adam({ ...options, weightDecay });
  return (target, ...rest) => (target.shape.length > 1 ? decayed : plain)(target, ...rest);
};

/** The learning rate of a step, counted from 1. */
export type Schedule = (step: number) => number;

/** Rises linearly over `warmup` steps, then falls to 0 on half a cosine at `total` (Loshchilov and Hutter 2017). */
export function cosineSchedule(peak: number, total: number, warmup = 0): Schedule {
  return (step) => {
    if (step <= warmup) return (peak * step) / warmup;
    const done = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
    return (peak * (1 + Math.cos(Math.PI * done))) / 2;
  };
}
