/** How a classifier is trained. The defaults of the network and its optimiser are the seed's: 1024 units, dropout 0.5, Adam 1e-4. */

import { z } from 'zod';

export const recipeSchema = z
  .strictObject({
    /** How modalities meet: their features in one network, their decisions, or tokens that are attended to. */
    fusion: z.enum(['feature', 'decision', 'attention']).default('feature'),
    /** What the networks of several label sets have in common. */
    sharing: z.enum(['hard', 'soft', 'hierarchical', 'separate']).default('hard'),
    /** `uncertainty`: label sets are weighed by learned variances (Kendall et al. 2018). */
    taskWeighting: z.enum(['equal', 'uncertainty']).default('equal'),
    /** `balanced`: examples of rare classes count more. */
    classWeights: z.enum(['none', 'balanced']).default('none'),
    hiddenUnits: z.int().min(4).max(4_096).default(1_024),
    dropout: z.number().min(0).max(0.9).default(0.5),
    /** How often a modality is hidden in training, so that the classifier learns to do without. */
    modalityDropout: z.number().min(0).max(0.9).default(0.1),
    /** Soft sharing: the weight of the squared distance between the label sets' networks. */
    softPenalty: z.number().min(0).max(100).default(1e-4),
    learningRate: z.number().gt(0).max(1).default(1e-4),
    batchSize: z.int().min(1).max(1_024).default(32),
    /** Passes over the training rows at most. @default as many as make 6,000 steps, 20 to 300 */
    epochs: z.int().min(1).max(2_000).optional(),
    /** Epochs without a better validation loss after which training stops. @default a fifth of `epochs`, 8 at least */
    patience: z.int().min(1).max(2_000).optional(),
    /** Cross-validation; 0 holds out rows instead. @default 5 for fewer than 400 rows without splits */
    folds: z.union([z.literal(0), z.int().min(3).max(10)]).optional(),
    seed: z.int().min(0).max(0x7fffffff).default(0),
    /** Label sets to learn. @default all */
    tasks: z.array(z.string()).min(1).optional(),
    /** Kinds of content to read: `image`, `audio`, `text`, names of signals. @default all */
    inputs: z.array(z.string()).min(1).optional(),
  })
  .prefault({});

export type Recipe = z.output<typeof recipeSchema>;
