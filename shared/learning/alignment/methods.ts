/** The learned methods: for each its maps and its loss. Inputs are standardised rows; `train-alignment.ts` does the rest. */

import type { Random } from '#shared/core/random.ts';
import type { Expression } from '../graph/expression.ts';
import { identity } from '../graph/inverse-square-root.ts';
import { dropout, type Layer, logSoftmax, mean, type Noise, unitRows } from '../graph/layers.ts';
import { binaryCrossEntropy, correlationLoss, squaredError, sumOfLosses } from '../graph/losses.ts';
import {
  add,
  concatenate,
  constant,
  exp,
  filled,
  matMul,
  multiply,
  scaleGradient,
  subtract,
  sum,
} from '../graph/operators.ts';
import { STEP } from '../graph/training-step.ts';
import type { DeepRecipe, RecipeOf } from './alignment-recipe.ts';
import { perceptron } from './map-network.ts';
import { correlationObjective } from './total-correlation.ts';

export interface MethodSetup {
  readonly fromDimensions: number;
  readonly toDimensions: number;
  /** Canonical correlations of the training pairs by the linear method, largest first. */
  correlations(): Float64Array;
  readonly numbers: Random;
}

export interface Method {
  /** Standardised rows to latents [B, d]. */
  readonly from: Layer;
  readonly to: Layer;
  /** Reports beside the loss are for the curve of the training. */
  loss(
    x: Expression,
    y: Expression,
    noise: Noise,
  ): { loss: Expression; reports?: Readonly<Record<string, Expression>> };
  /**
   * `canonical`: linear canonical correlations of the latents finish the maps, as in Andrew et al. `direct`: cosines of
   * the latents are what was trained.
   */
  readonly finish: 'canonical' | 'direct';
}

export function createMethod(recipe: DeepRecipe, setup: MethodSetup): Method {
  switch (recipe.method) {
    case 'deep-cca':
      return deepCca(recipe, setup);
    case 'adversarial':
      return adversarial(recipe, setup);
    case 'autoencoder':
      return autoencoder(recipe, setup);
  }
}

/** max sum of the canonical correlations of f(x) and g(y) (Andrew et al. 2013); sigmoid units as in the paper. */
function deepCca(recipe: RecipeOf<'deep-cca'>, { fromDimensions, toDimensions, numbers }: MethodSetup): Method {
  const sizes = [...recipe.hidden, recipe.dimensions];
  const from = perceptron('from', [fromDimensions, ...sizes], 'sigmoid', numbers);
  const to = perceptron('to', [toDimensions, ...sizes], 'sigmoid', numbers);
  return {
    from,
    to,
    loss: (x, y) => ({ loss: correlationObjective(from(x), to(y), recipe.regularisation) }),
    finish: 'canonical',
  };
}

/** The labels that the discriminator learns: not quite sure, so that its slope never vanishes (Salimans et al. 2016). */
const SURE = 0.9;
const DISCRIMINATOR_UNITS = 64;
const DISCRIMINATOR_DROPOUT = 0.2;
/** The share of the steps after which the adversarial term has 86 % of its weight. */
const RAMP = 0.2;

/**
 * Pairs are told apart from all other combinations of the batch (InfoNCE, van den Oord et al. 2018), which keeps the
 * maps from collapsing; a discriminator learns from which modality a latent comes, and the maps get its gradient turned
 * round (Ganin et al. 2016). What keeps it stable: one loss instead of two that take turns; its weight rises from zero;
 * smoothed labels and dropout keep the discriminator from being certain; latents have length one.
 */
function adversarial(recipe: RecipeOf<'adversarial'>, { fromDimensions, toDimensions, numbers }: MethodSetup): Method {
  const sizes = [...recipe.hidden, recipe.dimensions];
  const fromNetwork = perceptron('from', [fromDimensions, ...sizes], 'relu', numbers);
  const toNetwork = perceptron('to', [toDimensions, ...sizes], 'relu', numbers);
  const from: Layer = (x) => unitRows(fromNetwork(x));
  const to: Layer = (y) => unitRows(toNetwork(y));
  const discriminator = perceptron('discriminator', [recipe.dimensions, DISCRIMINATOR_UNITS, 1], 'relu', numbers);
  // 1 - exp(-2 step / (RAMP steps))
  const weight = multiply(subtract(1, exp(multiply(STEP, -2 / (RAMP * recipe.steps)))), recipe.adversarialWeight);
  return {
    from,
    to,
    loss: (x, y, noise) => {
      const [u, v] = [from(x), to(y)];
      const seen = dropout(scaleGradient(concatenate([u, v], 0), -1), DISCRIMINATOR_DROPOUT, noise);
      const rows = x.shape[0]!;
      const labels = concatenate([filled([rows, 1], SURE), filled([rows, 1], 1 - SURE)], 0);
      const modality = binaryCrossEntropy(discriminator(seen), labels);
      const pairs = pairLoss(u, v, recipe.temperature);
      return { loss: add(pairs, multiply(weight, modality)), reports: { pairs, discriminator: modality } };
    },
    finish: 'direct',
  };
}

/** -(1 / 2B) sum_i log softmax_j(u_i v_j / t)_i + log softmax_j(u_j v_i / t)_i. @param u [B, d] and `v` [B, d], of length one */
export function pairLoss(u: Expression, v: Expression, temperature: number): Expression {
  const logits = multiply(matMul(u, v, { transposeRight: true }), 1 / temperature);
  const own = (axis: number) => sum(multiply(logSoftmax(logits, axis), identity(u.shape[0]!)));
  return multiply(add(own(0), own(1)), -0.5 / u.shape[0]!);
}

/**
 * Two autoencoders with one latent space: either latent must give back both vectors, and the columns of the latents must
 * be correlated: L = |x - p(f x)|^2 + |y - q(g y)|^2 + |x - p(g y)|^2 + |y - q(f x)|^2 + weight L_CRA / sum rho, where rho
 * are the linear canonical correlations of the training pairs (Ngiam et al. 2011; Chandar et al. 2016).
 */
function autoencoder(recipe: RecipeOf<'autoencoder'>, setup: MethodSetup): Method {
  const { fromDimensions, toDimensions, correlations, numbers } = setup;
  const { hidden, dimensions } = recipe;
  const back = [...hidden].reverse();
  const from = perceptron('from', [fromDimensions, ...hidden, dimensions], 'relu', numbers);
  const to = perceptron('to', [toDimensions, ...hidden, dimensions], 'relu', numbers);
  const toX = perceptron('from decoder', [dimensions, ...back, fromDimensions], 'relu', numbers);
  const toY = perceptron('to decoder', [dimensions, ...back, toDimensions], 'relu', numbers);
  const linear = correlations();
  const rho = Float32Array.from({ length: dimensions }, (_, i) => linear[i] ?? 0);
  const total = rho.reduce((a, b) => a + b, 0);
  const weights = constant(
    [1, dimensions],
    rho.map((value) => value / total),
  );
  return {
    from,
    to,
    loss: (x, y) => {
      const [u, v] = [from(x), to(y)];
      const centred = (h: Expression) => subtract(h, mean(h, [0]));
      const own = add(squaredError(toX(u), x), squaredError(toY(v), y));
      const crossed = add(squaredError(toX(v), x), squaredError(toY(u), y));
      const correlation = correlationLoss(centred(u), centred(v), weights);
      return {
        loss: sumOfLosses([own, crossed, multiply(correlation, recipe.correlationWeight)]),
        reports: { reconstruction: own, 'cross reconstruction': crossed, correlation },
      };
    },
    finish: 'canonical',
  };
}
