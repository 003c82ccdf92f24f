/** Which networks are trained for a classifier: one on a split, or one for each fold and then one on everything. */

import type { Example } from '#shared/datasets/example.ts';
import type { Recipe } from './recipe.ts';
import { foldRows, type Split, splitRows } from './split-rows.ts';
import type { TaskLabels } from './tasks.ts';

export interface TrainingPlan {
  /** Of the network that is kept; after a cross-validation it trains on all rows. */
  readonly split: Split;
  /** Empty when rows are held out instead. */
  readonly folds: readonly Split[];
}

/** Below this many rows without splits of their own the classifier is measured by cross-validation. */
const CROSS_VALIDATED_ROWS = 400;
const DEFAULT_FOLDS = 5;

export function planTraining(examples: readonly Example[], tasks: readonly TaskLabels[], recipe: Recipe): TrainingPlan {
  const own = examples.some(({ split }) => split !== undefined);
  const wanted = recipe.folds ?? (own || examples.length >= CROSS_VALIDATED_ROWS ? 0 : DEFAULT_FOLDS);
  const folds = Math.min(wanted, examples.length);
  if (folds < 3) return { split: splitRows(examples, tasks, recipe.seed), folds: [] };
  const all = examples.map((_, row) => row);
  return { split: { train: all, validation: [], test: [] }, folds: foldRows(examples, tasks, recipe.seed, folds) };
}
