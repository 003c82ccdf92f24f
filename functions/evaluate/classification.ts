/** Zero-shot accuracy, overall and by class, with the confusions that cost most. */

import { type Estimate, wilsonEstimate } from './confidence-interval.ts';

export interface Outcome {
  readonly truth: string;
  readonly predicted: string;
  /** Of the predicted class. */
  readonly probability: number;
}

export interface ClassificationReport {
  readonly accuracy: Estimate;
  /** Mean of the classes' F1 = 2 TP / (2 TP + FP + FN). */
  readonly macroF1: number;
  readonly calibrationError: number;
  readonly chance: number;
  readonly confusions: readonly { readonly truth: string; readonly predicted: string; readonly count: number }[];
}

export function evaluateClassification(outcomes: readonly Outcome[], classes: readonly string[]): ClassificationReport {
  const right = outcomes.filter(({ truth, predicted }) => truth === predicted).length;
  const f1 = classes.map((name) => {
    const truePositives = outcomes.filter(({ truth, predicted }) => truth === name && predicted === name).length;
    const wrong = outcomes.filter(({ truth, predicted }) => (truth === name) !== (predicted === name)).length;
    return truePositives + wrong === 0 ? 0 : (2 * truePositives) / (2 * truePositives + wrong);
  });
  return {
    accuracy: wilsonEstimate(right, outcomes.length),
    macroF1: f1.reduce((sum, value) => sum + value, 0) / classes.length,
    calibrationError: expectedCalibrationError(
      outcomes.map(({ truth, predicted, probability }) => ({ probability, right: truth === predicted })),
    ),
    chance: 1 / classes.length,
    confusions: countConfusions(outcomes).slice(0, 5),
  };
}

/** ECE = sum_b (n_b / N) |accuracy_b - confidence_b| over 10 bins of equal width (Guo et al. 2017, equation 3). */
export function expectedCalibrationError(
  predictions: readonly { readonly probability: number; readonly right: boolean }[],
  bins = 10,
): number {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, right: 0 }));
  for (const { probability, right } of predictions) {
    const bin = sums[Math.min(bins - 1, Math.floor(probability * bins))]!;
    bin.confidence += probability;
    bin.right += right ? 1 : 0;
  }
  return sums.reduce((error, bin) => error + Math.abs(bin.right - bin.confidence), 0) / predictions.length;
}

function countConfusions(outcomes: readonly Outcome[]) {
  const counts = new Map<string, { truth: string; predicted: string; count: number }>();
  for (const { truth, predicted } of outcomes) {
    if (truth === predicted) continue;
    const name = JSON.stringify([truth, predicted]);
    const known = counts.get(name) ?? { truth, predicted, count: 0 };
    known.count += 1;
    counts.set(name, known);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}
