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
  const gains = tasks.map((task) => gainsOf(a, b, task));
  const rows = [...new Set(gains.flatMap((gain) => [...gain.keys()]))];
  const differenceOf = (drawn: readonly number[]) => {
    const means = gains.map((gain) => {
      const own = drawn.flatMap((row) => gain.get(row) ?? []);
      return own.reduce((sum, value) => sum + value, 0) / Math.max(1, own.length);
    });
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  };
  const random = createRandom(1);
  const draws = Array.from({ length: RESAMPLES }, () =>
    differenceOf(rows.map(() => rows[Math.floor(random.uniform() * rows.length)]!)),
  ).sort((x, y) => x - y);
  const at = (share: number) => draws[Math.round(share * (RESAMPLES - 1))]!;
  return { value: differenceOf(rows), low: at(0.025), high: at(0.975) };
}

/** For each row how much more often `a` is right than `b`. */
function gainsOf(a: Answers, b: Answers, task: string): ReadonlyMap<number, number> {
  const share = (answers: Answers, row: number) =>
    answers.filter(({ right }) => right[task]!.get(row)).length / answers.length;
  return new Map([...a[0]!.right[task]!.keys()].map((row) => [row, share(a, row) - share(b, row)]));
}
