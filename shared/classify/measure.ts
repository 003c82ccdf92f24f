/** How good a classifier is on rows that it was not trained on, and how sure that is. */

import { createRandom } from '#shared/core/random.ts';
import { wilsonInterval } from '#shared/core/wilson-interval.ts';

/** A measured value with its 95 % confidence interval. */
export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface TaskMetrics {
  /** Rows that were measured. */
  readonly rows: number;
  readonly accuracy: Measured;
  /** Mean over classes that occur; the interval resamples rows. */
  readonly macroF1: Measured;
  /** Mean over classes that occur, each against all others. Absent when only one occurs. */
  readonly auroc?: Measured;
  /** Expected calibration error over 15 bins. */
  readonly calibrationError: Measured;
  /** Accuracy of always naming the most frequent class. */
  readonly majority: number;
  /** [K][K]: rows of the class in the first index that were taken for the second. Absent above 60 classes. */
  readonly confusion?: readonly (readonly number[])[];
}

export interface Predictions {
  /** K */
  readonly classes: number;
  /** [n], all of them labelled. */
  readonly labels: readonly number[];
  /** [n][K] */
  readonly probabilities: readonly Float64Array[];
}

const RESAMPLES = 200;
const CALIBRATION_BINS = 15;
/** A larger table is no help to look at, and its square is stored. */
const MAX_CONFUSION_CLASSES = 60;

export function measureTask(predictions: Predictions): TaskMetrics {
  const { labels, probabilities, classes } = predictions;
  const n = labels.length;
  const predicted = probabilities.map(indexOfLargest);
  const counts = countBy(labels, classes);
  const once = new Float64Array(n).fill(1);
  const draws = resamples(n);
  const measured = (statistic: (weights: Float64Array) => number): Measured => {
    const values = draws.map(statistic).sort((a, b) => a - b);
    const value = statistic(once);
    const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? value;
    return { value, low: Math.min(value, at(0.025)), high: Math.max(value, at(0.975)) };
  };
  const right = labels.filter((label, i) => label === predicted[i]).length;
  const [low, high] = wilsonInterval(right, n);
  const several = counts.filter((count) => count > 0).length > 1;
  return {
    rows: n,
    accuracy: { value: right / n, low, high },
    macroF1: measured((weights) => macroF1(labels, predicted, classes, weights)),
    ...(several && { auroc: measured(createAuroc(predictions)) }),
    calibrationError: measured((weights) => calibrationError(labels, predicted, probabilities, weights)),
    majority: Math.max(...counts) / n,
    ...(classes <= MAX_CONFUSION_CLASSES && { confusion: confusionOf(labels, predicted, classes) }),
  };
}

/** How often each row is drawn, in each of the resamples: the bootstrap, always the same ones. */
function resamples(n: number): Float64Array[] {
  const random = createRandom(1);
  return Array.from({ length: RESAMPLES }, () => {
    const weights = new Float64Array(n);
    for (let i = 0; i < n; i++) weights[Math.floor(random.uniform() * n)]! += 1;
    return weights;
  });
}

/** Mean over classes c that occur of 2 TP_c / (2 TP_c + FP_c + FN_c). */
function macroF1(
  labels: readonly number[],
  predicted: readonly number[],
  classes: number,
  weights: Float64Array,
): number {
  const [hits, truths, guesses] = [0, 1, 2].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  labels.forEach((label, i) => {
    const weight = weights[i]!;
    truths[label]! += weight;
    guesses[predicted[i]!]! += weight;
    if (label === predicted[i]) hits[label]! += weight;
  });
  const scores = [...truths.keys()]
    .filter((c) => truths[c]! > 0)
    .map((c) => (2 * hits[c]!) / (truths[c]! + guesses[c]!));
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/**
 * Mean over classes that occur of the probability that a row of the class has a higher score than one of another class;
 * equal scores count half (Mann and Whitney). Rows are sorted once; how often each counts is given to the result.
 */
export function createAuroc({ labels, probabilities, classes }: Predictions): (weights: Float64Array) => number {
  const occurring = [...countBy(labels, classes).entries()].filter(([, count]) => count > 0).map(([c]) => c);
  const orders = occurring.map((c) => ({
    c,
    order: [...labels.keys()].sort((a, b) => probabilities[a]![c]! - probabilities[b]![c]!),
  }));
  return (weights) => {
    const areas = orders.flatMap(({ c, order }) => {
      let below = 0; // weight of other classes with a lower score
      let area = 0;
      let positives = 0;
      for (let start = 0; start < order.length; ) {
        const score = probabilities[order[start]!]![c]!;
        let [own, others] = [0, 0];
        for (; start < order.length && probabilities[order[start]!]![c] === score; start++) {
          const row = order[start]!;
          if (labels[row] === c) own += weights[row]!;
          else others += weights[row]!;
        }
        area += own * (below + others / 2);
        below += others;
        positives += own;
      }
      return positives > 0 && below > 0 ? [area / (positives * below)] : [];
    });
    return areas.length === 0 ? 0.5 : areas.reduce((sum, area) => sum + area, 0) / areas.length;
  };
}

/** sum_b n_b / n |accuracy_b - confidence_b| over bins of the highest probability (Guo et al. 2017, equation 3). */
function calibrationError(
  labels: readonly number[],
  predicted: readonly number[],
  probabilities: readonly Float64Array[],
  weights: Float64Array,
): number {
  const gaps = new Float64Array(CALIBRATION_BINS);
  let total = 0;
  labels.forEach((label, i) => {
    const confidence = probabilities[i]![predicted[i]!]!;
    const bin = Math.min(CALIBRATION_BINS - 1, Math.floor(confidence * CALIBRATION_BINS));
    gaps[bin]! += weights[i]! * (Number(label === predicted[i]) - confidence);
    total += weights[i]!;
  });
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / total;
}

function confusionOf(labels: readonly number[], predicted: readonly number[], classes: number): number[][] {
  const table = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  labels.forEach((label, i) => {
    table[label]![predicted[i]!]! += 1;
  });
  return table;
}

function countBy(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]! += 1;
  return counts;
}

export function indexOfLargest(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
