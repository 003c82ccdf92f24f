/** Which rows train, which decide when to stop, and which measure. Equal data and seed give equal splits. */

import { createRandom } from '#shared/core/random.ts';
import type { Example } from '#shared/datasets/example.ts';
import type { TaskLabels } from './tasks.ts';

export interface Split {
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly test: readonly number[];
}

const HELD_OUT_SHARE = 0.15;

/**
 * The rows' own splits where they say one; rows without are for training. What is missing is taken from the training
 * rows: 15 % for validation, 15 % for the test.
 */
export function splitRows(examples: readonly Example[], tasks: readonly TaskLabels[], seed: number): Split {
  const rowsOf = (wanted: Example['split']) =>
    examples.flatMap(({ split = 'train' }, row) => (split === wanted ? [row] : []));
  let train = rowsOf('train');
  const taught = train.length;
  const take = (given: readonly number[], salt: number) => {
    if (given.length > 0) return given;
    const count = Math.max(1, Math.round(HELD_OUT_SHARE * taught));
    const hands = dealRows(examples, train, tasks, seed + salt, Math.max(2, Math.round(train.length / count)));
    const taken = spareRows(examples, train, hands[0]!, tasks);
    train = train.filter((row) => !taken.has(row));
    return [...taken];
  };
  const test = take(rowsOf('test'), 1);
  const validation = take(rowsOf('validation'), 2);
  return { train, validation, test };
}

/** For each fold: it measures, the next one decides when to stop, the others train. */
export function foldRows(
  examples: readonly Example[],
  rows: readonly number[],
  tasks: readonly TaskLabels[],
  seed: number,
  folds: number,
): readonly Split[] {
  const hands = dealRows(examples, rows, tasks, seed, folds);
  return hands.map((test, i) => ({
    test,
    validation: hands[(i + 1) % folds]!,
    train: hands.filter((_, j) => j !== i && j !== (i + 1) % folds).flat(),
  }));
}

/**
 * Rows dealt into hands, group by group in random order: each goes where there are the fewest rows of its class (of the
 * first label set), and among those where there are the fewest rows.
 */
function dealRows(
  examples: readonly Example[],
  rows: readonly number[],
  [first]: readonly TaskLabels[],
  seed: number,
  hands: number,
): number[][] {
  const order = createRandom(seed).permutation(rows.length);
  const groups = Map.groupBy(
    [...order].map((i) => rows[i]!),
    (row) => examples[row]!.group ?? row,
  );
  const dealt = Array.from({ length: hands }, () => ({ rows: [] as number[], classes: new Map<number, number>() }));
  for (const members of groups.values()) {
    const label = first!.labels[members[0]!]!;
    const [hand] = dealt.toSorted(
      (a, b) => (a.classes.get(label) ?? 0) - (b.classes.get(label) ?? 0) || a.rows.length - b.rows.length,
    );
    hand!.rows.push(...members);
    hand!.classes.set(label, (hand!.classes.get(label) ?? 0) + members.length);
  }
  return dealt.map((hand) => hand.rows);
}

/** The rows of `taken` without which every class of every label set still has a training row. */
function spareRows(
  examples: readonly Example[],
  train: readonly number[],
  taken: readonly number[],
  tasks: readonly TaskLabels[],
): Set<number> {
  const spared = new Set(taken);
  for (const { labels } of tasks) {
    const left = new Set(train.filter((row) => !spared.has(row)).map((row) => labels[row]!));
    for (const row of taken) {
      if (!spared.has(row) || left.has(labels[row]!)) continue;
      const { group } = examples[row]!;
      const back = group === undefined ? [row] : taken.filter((other) => examples[other]!.group === group);
      for (const other of back) {
        spared.delete(other);
        left.add(labels[other]!);
      }
    }
  }
  return spared;
}
