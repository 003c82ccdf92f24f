/** One step of training as expressions: which parameters take which values, and what is reported. */

import { differentiate } from './differentiate.ts';
import { type Expression, inOrder, isParameter } from './expression.ts';
import { add, divide, input, maximum, multiply, negate, parameter, sqrt, subtract, sum } from './operators.ts';
import type { Optimiser } from './optimisers.ts';

/** After the step, `target` has the value that `value` had during it. */
export interface Assignment {
  readonly target: Expression<'parameter'>;
  readonly value: Expression;
}

export interface TrainingStep {
  readonly assignments: readonly Assignment[];
  /** What a run tells of each step, by name. */
  readonly reports: Readonly<Record<string, Expression>>;
}

/** The number of the step, 1 for the first: fed by the trainer. */
export const STEP = input('step', []);
/** From the schedule: fed by the trainer. */
export const LEARNING_RATE = input('learningRate', []);

export interface StepOptions {
  readonly optimiser: Optimiser;
  /** Gradients of all parameters together are scaled down to this length (Pascanu et al. 2013). @default no limit */
  readonly clipNorm?: number;
  /** Parameters that stay as they are. */
  readonly frozen?: readonly Expression[];
  /** Keeps of each parameter its running average under `averageName`: this share of it stays at each step. @default none */
  readonly averageDecay?: number;
  /** Reported beside `loss`. */
  readonly reports?: Readonly<Record<string, Expression>>;
}

/** Moves all parameters that `loss` (one element) depends on against its gradient. */
export function trainingStep(loss: Expression, options: StepOptions): TrainingStep {
  const parameters = inOrder([loss])
    .filter(isParameter)
    .filter((parameter) => !options.frozen?.includes(parameter));
  const raw = differentiate(loss, parameters);
  const gradients = options.clipNorm === undefined ? raw : clipped(raw, options.clipNorm);
  const assignments = parameters.flatMap((parameter, i) =>
    options.optimiser(parameter, gradients[i]!, LEARNING_RATE, STEP),
  );
  const averages = options.averageDecay === undefined ? [] : averaged(parameters, assignments, options.averageDecay);
  return { assignments: [...assignments, ...averages], reports: { loss, ...options.reports } };
}

/** Of the parameter of that name. */
export const averageName = (name: string): string => `${name}/average`;

/**
 * a' = d a + (1 - d) w', d = min(decay, (1 + t) / (10 + t)) at step t: an average over the last steps, short at first
 * (Polyak and Juditsky 1992). It varies less than the parameters, which every batch pulls another way.
 */
function averaged(
  parameters: readonly Expression<'parameter'>[],
  assignments: readonly Assignment[],
  decay: number,
): readonly Assignment[] {
  const early = divide(add(STEP, 1), add(STEP, 10));
  const kept = negate(maximum(negate(early), -decay));
  return parameters.map((each) => {
    const { name, initial, shape } = each.attributes;
    const target = parameter(averageName(name), shape, initial);
    const next = assignments.find((assignment) => assignment.target === each)!.value;
    return { target, value: add(multiply(target, kept), multiply(next, subtract(1, kept))) };
  });
}

/** g c / max(c, ||g||), where ||g|| is the length of all gradients together. */
function clipped(gradients: readonly Expression[], limit: number): readonly Expression[] {
  const squares = gradients.map((gradient) => sum(multiply(gradient, gradient)));
  const factor = divide(limit, maximum(sqrt(squares.reduce((total, square) => add(total, square))), limit));
  return gradients.map((gradient) => multiply(gradient, factor));
}
