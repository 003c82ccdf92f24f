/** One step of training as expressions: which parameters take which values, and what is reported. */

import { differentiate } from './differentiate.ts';
import { type Expression, inOrder, isParameter } from './expression.ts';
import { add, divide, input, maximum, multiply, sqrt, sum } from './operators.ts';
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
  return { assignments, reports: { loss, ...options.reports } };
}

/** g c / max(c, ||g||), where ||g|| is the length of all gradients together. */
function clipped(gradients: readonly Expression[], limit: number): readonly Expression[] {
  const squares = gradients.map((gradient) => sum(multiply(gradient, gradient)));
  const factor = divide(limit, maximum(sqrt(squares.reduce((total, square) => add(total, square))), limit));
  return gradients.map((gradient) => multiply(gradient, factor));
}
