/** What networks say of rows that they were not trained on: the material of calibration and metrics. */

import { wilsonInterval } from '#shared/core/wilson-interval.ts';
import { fitTemperature, probabilitiesOf } from './calibrate-temperature.ts';
import { indexOfLargest, type Measured, measureTask, type TaskMetrics } from './measure.ts';
import type { Split } from './split-rows.ts';
import type { TaskLabels } from './tasks.ts';
import type { TrainedNetwork } from './train-network.ts';
import type { TrainingData } from './training-data.ts';

/** Rows of one fold, or of the one split. */
export interface HeldOut {
  readonly test: readonly number[];
  readonly validation: readonly number[];
  /** For each subset of contents, for each task [n, K]. */
  readonly testLogits: readonly (readonly Float32Array[])[];
  /** For each task [n, K]. */
  readonly validationLogits: readonly Float32Array[];
  readonly epochs: number;
}

/** Names of contents that are shown together. */
export type Subset = readonly string[];

/** All contents, each by itself, and all but each; every subset once. */
export function shownSubsets({ inputs }: TrainingData): readonly Subset[] {
  const names = inputs.map(({ name }) => name);
  const subsets = [
    names,
    ...names.map((name) => [name]),
    ...names.map((name) => names.filter((other) => other !== name)),
  ];
  const known = new Map(subsets.filter(({ length }) => length > 0).map((subset) => [subset.join('\n'), subset]));
  return [...known.values()];
}

export async function holdOut(
  network: TrainedNetwork,
  { test, validation }: Split,
  subsets: readonly Subset[],
): Promise<HeldOut> {
  const testLogits: (readonly Float32Array[])[] = [];
  for (const given of subsets) testLogits.push(await network.evaluate(test, given));
  return { test, validation, testLogits, validationLogits: await network.evaluate(validation), epochs: network.epochs };
}

/** Fitted on the validation rows of all folds. */
export function fitTemperatures({ tasks }: TrainingData, heldOut: readonly HeldOut[]): readonly number[] {
  return tasks.map(({ classes, labels }, t) => {
    const rows = heldOut.flatMap(({ validation }) => validation);
    const logits = new Float32Array(rows.length * classes.length);
    let offset = 0;
    for (const { validationLogits } of heldOut) {
      logits.set(validationLogits[t]!, offset);
      offset += validationLogits[t]!.length;
    }
    return fitTemperature(
      logits,
      classes.length,
      rows.map((row) => labels[row]!),
    );
  });
}

interface Answer {
  readonly row: number;
  readonly label: number;
  readonly probabilities: Float64Array;
}

export interface HeldOutMetrics {
  /** By task. */
  readonly metrics: Record<string, TaskMetrics>;
  /** For each subset the accuracy by task, over rows that have any of it. */
  readonly missing: { readonly given: string[]; readonly accuracy: Record<string, Measured & { rows: number }> }[];
  /** By task, for each row that was measured: whether its label was the most probable class. */
  readonly right: Readonly<Record<string, ReadonlyMap<number, boolean>>>;
  /** By task, for each row that was measured: its class and what was found how probable, [K]. */
  readonly scores: Readonly<Record<string, ReadonlyMap<number, Omit<Answer, 'row'>>>>;
}

export function measureHeldOut(
  data: TrainingData,
  heldOut: readonly HeldOut[],
  subsets: readonly Subset[],
  temperatures: readonly number[],
): HeldOutMetrics {
  const answersOf = (task: TaskLabels, t: number, s: number): Answer[] => {
    const shown = data.inputs.filter((input) => subsets[s]!.includes(input.name));
    const K = task.classes.length;
    return heldOut.flatMap(({ test, testLogits }) =>
      test.flatMap((row, i): Answer[] => {
        const label = task.labels[row]!;
        if (label < 0 || !shown.some(({ present }) => present[row] === 1)) return [];
        const logits = testLogits[s]![t]!.subarray(i * K, (i + 1) * K);
        return [{ row, label, probabilities: probabilitiesOf(logits, temperatures[t]!) }];
      }),
    );
  };
  const right: Record<string, ReadonlyMap<number, boolean>> = {};
  const scores: Record<string, ReadonlyMap<number, Answer>> = {};
  const metrics = data.tasks.flatMap((task, t) => {
    const answers = answersOf(task, t, 0);
    right[task.name] = new Map(answers.map((answer) => [answer.row, isRight(answer)]));
    scores[task.name] = new Map(answers.map((answer) => [answer.row, answer]));
    const labels = answers.map(({ label }) => label);
    const probabilities = answers.map((answer) => answer.probabilities);
    return answers.length === 0
      ? []
      : [[task.name, measureTask({ classes: task.classes.length, labels, probabilities })] as const];
  });
  const missing = subsets.map((given, s) => {
    const accuracy = data.tasks.flatMap((task, t) => {
      const answers = answersOf(task, t, s);
      return answers.length === 0 ? [] : [[task.name, accuracyOf(answers)] as const];
    });
    return { given: [...given], accuracy: Object.fromEntries(accuracy) };
  });
  return { metrics: Object.fromEntries(metrics), missing, right, scores };
}

const isRight = ({ label, probabilities }: Answer): boolean => indexOfLargest(probabilities) === label;

function accuracyOf(answers: readonly Answer[]): Measured & { rows: number } {
  const rows = answers.length;
  const right = answers.filter(isRight).length;
  const [low, high] = wilsonInterval(right, rows);
  return { value: right / rows, low, high, rows };
}
