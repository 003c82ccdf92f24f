/** Which networks are trained for a classifier: one on a split, or one for each fold and then one on everything. */

import type { Example } from '#shared/datasets/example.ts';
import type { Recipe } from './recipe.ts';
import { foldRows, type Split, splitRows } from './split-rows.ts';
import type { TaskLabels } from './tasks.ts';

export interface TrainingPlan {
  /** Of the network that is kept; after a cross-validation it trains on all training rows. */
  readonly split: Split;
  /** Of the training rows. Empty when rows are held out instead. */
  readonly folds: readonly Split[];
}

/** Fewer training rows than these are too few to hold some of them out. */
const CROSS_VALIDATED_ROWS = 400;
const DEFAULT_FOLDS = 5;

export function planTraining(examples: readonly Example[], tasks: readonly TaskLabels[], recipe: Recipe): TrainingPlan {
  const rowsOf = (wanted: Example['split']) =>
    examples.flatMap(({ split = 'train' }, row) => (split === wanted ? [row] : []));
  const train = rowsOf('train');
  const small = train.length < CROSS_VALIDATED_ROWS && rowsOf('validation').length === 0;
  const folds = Math.min(recipe.folds ?? (small ? DEFAULT_FOLDS : 0), train.length);
  if (folds < 3) return { split: splitRows(examples, tasks, recipe.seed), folds: [] };
  const split = { train, validation: rowsOf('validation'), test: rowsOf('test') };
  return { split, folds: foldRows(examples, train, tasks, recipe.seed, folds) };
}
