/** Whether one network is right more often than another on the same rows. */

import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import type { Measured } from '#shared/classify/measure.ts';
import { createRandom } from '#shared/core/random.ts';

/** What a network was right about; of several seeds, the mean counts. */
export type Answers = readonly Pick<HeldOutMetrics, 'right'>[];

const RESAMPLES = 2_000;

/**
 * mean over tasks of the accuracy of `a` less that of `b`, with the 95 % interval of a paired bootstrap: rows are drawn
 * again, each with what either network made of it.
 */
export function pairedDifference(a: Answers, b: Answers, tasks: readonly string[]): Measured {
  const found = tasks.map((task) => gainsOf(a, b, task));
  const rows = [...new Set(found.flatMap((gain) => [...gain.keys()]))];
  const gains = found.map((gain) => Float64Array.from(rows, (row) => gain.get(row) ?? Number.NaN));
  const differenceOf = (drawn: Int32Array) => {
    const means = gains.map((gain) => {
      let [total, count] = [0, 0];
      for (const i of drawn) {
        if (Number.isNaN(gain[i]!)) continue; // without a label of this set
        total += gain[i]!;
        count++;
      }
      return total / Math.max(1, count);
    });
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  };
  const random = createRandom(1);
  const draws = Array.from({ length: RESAMPLES }, () =>
    differenceOf(Int32Array.from(rows, () => Math.floor(random.uniform() * rows.length))),
  ).sort((x, y) => x - y);
  const at = (share: number) => draws[Math.round(share * (RESAMPLES - 1))]!;
  return { value: differenceOf(Int32Array.from(rows.keys())), low: at(0.025), high: at(0.975) };
}

/** For each row how much more often `a` is right than `b`. */
function gainsOf(a: Answers, b: Answers, task: string): ReadonlyMap<number, number> {
  const share = (answers: Answers, row: number) =>
    answers.filter(({ right }) => right[task]!.get(row)).length / answers.length;
  return new Map([...a[0]!.right[task]!.keys()].map((row) => [row, share(a, row) - share(b, row)]));
}
