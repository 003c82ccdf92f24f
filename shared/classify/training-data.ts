/** Rows of a data set as the network's inputs: batches for training, blocks for evaluation. */

import type { Feeds } from '#shared/learning/graph/trainer.ts';
import type { InputColumn } from './model-inputs.ts';
import type { TaskLabels } from './tasks.ts';

export interface TrainingData {
  readonly inputs: readonly InputColumn[];
  readonly tasks: readonly TaskLabels[];
}

/** Names of the network's inputs. */
export const contentName = (input: { readonly name: string }): string => `content/${input.name}`;
export const targetName = (task: { readonly name: string }): string => `target/${task.name}`;
export const PRESENT = 'present';

/**
 * Contents and what is there of `rows`, in this order; -1 stands for an empty row that fills a batch.
 * @param given kinds of content that are shown; all when absent
 */
export function contentFeeds({ inputs }: TrainingData, rows: ArrayLike<number>, given?: readonly string[]): Feeds {
  const present = new Float32Array(rows.length * inputs.length);
  const contents = inputs.map((input, m): [string, Float32Array] => {
    const { values, dimensions } = input;
    const block = new Float32Array(rows.length * dimensions);
    const shown = given?.includes(input.name) ?? true;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row < 0 || !shown || input.present[row] === 0) continue;
      present[i * inputs.length + m] = 1;
      block.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
    }
    return [contentName(input), block];
  });
  return { ...Object.fromEntries(contents), [PRESENT]: present };
}

/** Rows [B, K] for each task: the weight of the row's class at its place, zeros for a row without a label. */
export function targetFeeds({ tasks }: TrainingData, rows: ArrayLike<number>, weights: readonly Float64Array[]): Feeds {
  const targets = tasks.map((task, t): [string, Float32Array] => {
    const K = task.classes.length;
    const block = new Float32Array(rows.length * K);
    for (let i = 0; i < rows.length; i++) {
      const label = rows[i]! < 0 ? -1 : task.labels[rows[i]!]!;
      if (label >= 0) block[i * K + label] = weights[t]![label]!;
    }
    return [targetName(task), block];
  });
  return Object.fromEntries(targets);
}

/** [K] for each task: 1, or n / (K n_k) so that every class counts as much as every other. */
export function classWeights(tasks: readonly TaskLabels[], rows: readonly number[], balanced: boolean): Float64Array[] {
  return tasks.map(({ classes, labels }) => {
    const counts = new Float64Array(classes.length);
    for (const row of rows) if (labels[row]! >= 0) counts[labels[row]!]! += 1;
    const total = counts.reduce((sum, count) => sum + count, 0);
    return counts.map((count) => (!balanced ? 1 : count === 0 ? 0 : total / (classes.length * count)));
  });
}
