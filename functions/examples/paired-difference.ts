/** Whether one network is better than another on the same rows. */

import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import { createAuroc, type Measured } from '#shared/classify/measure.ts';
import { createRandom } from '#shared/core/random.ts';

/** What a network was right about; of several seeds, the mean counts. */
export type Answers = readonly Pick<HeldOutMetrics, 'right'>[];
/** What a network found how probable; of several seeds, the mean counts. */
export type Scores = readonly Pick<HeldOutMetrics, 'scores'>[];

const RESAMPLES = 2_000;

/** Rows of one group are drawn together, as those of a patient, who looks alike in all of them. @default each row by itself */
type GroupOf = (row: number) => unknown;

/**
 * mean over tasks of the accuracy of `a` less that of `b`, with the 95 % interval of a paired bootstrap: rows are drawn
 * again, each with what either network made of it.
 */
export function pairedDifference(a: Answers, b: Answers, tasks: readonly string[], groupOf?: GroupOf): Measured {
  const found = tasks.map((task) => gainsOf(a, b, task));
  const rows = [...new Set(found.flatMap((gain) => [...gain.keys()]))];
  const gains = found.map((gain) => Float64Array.from(rows, (row) => gain.get(row) ?? Number.NaN));
  return bootstrap(rows, groupOf, (weights) => {
    const means = gains.map((gain) => {
      let [total, count] = [0, 0];
      for (const [i, weight] of weights.entries()) {
        if (weight === 0 || Number.isNaN(gain[i]!)) continue; // not drawn, or without a label of this set
        total += weight * gain[i]!;
        count += weight;
      }
      return total / Math.max(1, count);
    });
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  });
}

/** AUROC of `a` less that of `b` on the rows that both measured, with the interval of the same bootstrap. */
export function pairedAuroc(a: Scores, b: Scores, task: string, groupOf?: GroupOf): Measured {
  const shared = b[0]!.scores[task]!;
  const rows = [...a[0]!.scores[task]!.keys()].filter((row) => shared.has(row));
  const areasOf = (networks: Scores) =>
    networks.map(({ scores }) => {
      const answers = rows.map((row) => scores[task]!.get(row)!);
      const probabilities = answers.map((answer) => answer.probabilities);
      return createAuroc({
        classes: probabilities[0]!.length,
        labels: answers.map(({ label }) => label),
        probabilities,
      });
    });
  const [own, other] = [areasOf(a), areasOf(b)];
  const meanOf = (areas: typeof own, weights: Float64Array) =>
    areas.reduce((sum, area) => sum + area(weights), 0) / areas.length;
  return bootstrap(rows, groupOf, (weights) => meanOf(own, weights) - meanOf(other, weights));
}

/** @param statistic of the number of times that each row is drawn */
function bootstrap(
  rows: readonly number[],
  groupOf: GroupOf = (row) => row,
  statistic: (weights: Float64Array) => number,
): Measured {
  const groups = [...Map.groupBy(rows.keys(), (i) => groupOf(rows[i]!)).values()];
  const random = createRandom(1);
  const draws = Array.from({ length: RESAMPLES }, () => {
    const weights = new Float64Array(rows.length);
    for (const _ of groups) for (const i of groups[Math.floor(random.uniform() * groups.length)]!) weights[i]! += 1;
    return statistic(weights);
  }).sort((x, y) => x - y);
  const at = (share: number) => draws[Math.round(share * (RESAMPLES - 1))]!;
  return { value: statistic(new Float64Array(rows.length).fill(1)), low: at(0.025), high: at(0.975) };
}

/** For each row how much more often `a` is right than `b`. */
function gainsOf(a: Answers, b: Answers, task: string): ReadonlyMap<number, number> {
  const share = (answers: Answers, row: number) =>
    answers.filter(({ right }) => right[task]!.get(row)).length / answers.length;
  return new Map([...a[0]!.right[task]!.keys()].map((row) => [row, share(a, row) - share(b, row)]));
}
