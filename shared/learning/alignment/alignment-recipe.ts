/** How an alignment is learned. Every method has defaults that work; a request names what it wants otherwise. */

import { z } from 'zod';

const dimensions = z.int().min(1).max(1_024);
const network = {
  dimensions,
  /** Sizes of the hidden layers of either map. */
  hidden: z.array(z.int().min(1).max(4_096)).max(4),
  steps: z.int().min(1).max(100_000),
  /** Pairs in a step; all of them when there are fewer. */
  batchSize: z.int().min(8).max(8_192),
  learningRate: z.number().positive().max(1),
  weightDecay: z.number().nonnegative().max(1),
};

export const alignmentRecipeSchema = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('linear-cca'),
    dimensions: dimensions.default(64),
    /** Share of the mean variance that is added to each variance. */
    regularisation: z.number().nonnegative().max(10).default(1e-2),
  }),
  z.strictObject({
    method: z.literal('deep-cca'),
    dimensions: network.dimensions.default(32),
    hidden: network.hidden.default([256, 256]),
    steps: network.steps.default(800),
    batchSize: network.batchSize.default(2_048),
    learningRate: network.learningRate.default(1e-3),
    weightDecay: network.weightDecay.default(1e-3),
    /** Added to the variances of the networks' outputs. */
    regularisation: z.number().positive().max(10).default(1e-3),
  }),
  z.strictObject({
    method: z.literal('adversarial'),
    dimensions: network.dimensions.default(64),
    hidden: network.hidden.default([256]),
    steps: network.steps.default(800),
    batchSize: network.batchSize.default(256),
    learningRate: network.learningRate.default(1e-3),
    weightDecay: network.weightDecay.default(1e-2),
    /** Weight of the discriminator's term beside the pairs'. */
    adversarialWeight: z.number().nonnegative().max(100).default(0.1),
    /** Divides the cosines of the pair term. */
    temperature: z.number().positive().max(10).default(0.07),
  }),
  z.strictObject({
    method: z.literal('autoencoder'),
    dimensions: network.dimensions.default(64),
    hidden: network.hidden.default([256]),
    steps: network.steps.default(800),
    batchSize: network.batchSize.default(256),
    learningRate: network.learningRate.default(1e-3),
    weightDecay: network.weightDecay.default(1e-2),
    /** Weight of the correlation loss beside the reconstructions. */
    correlationWeight: z.number().nonnegative().max(1_000).default(1),
  }),
]);

export type AlignmentRecipe = z.output<typeof alignmentRecipeSchema>;
export type DeepRecipe = Exclude<AlignmentRecipe, { method: 'linear-cca' }>;
export type RecipeOf<Method extends AlignmentRecipe['method']> = Extract<AlignmentRecipe, { method: Method }>;
