/** Metrics of classifiers against cases that can be worked out by hand. */

import { describe, expect, it } from 'vitest';
import { calibratedLoss, fitTemperature, probabilitiesOf } from '#shared/classify/calibrate-temperature.ts';
import { measureTask } from '#shared/classify/measure.ts';
import { createRandom } from '#shared/core/random.ts';

const rows = (...probabilities: number[][]) => probabilities.map((row) => Float64Array.from(row));

describe('metrics of a task', () => {
  it('are those of a table worked out by hand', () => {
    const metrics = measureTask({
      classes: 2,
      labels: [0, 0, 1, 1],
      probabilities: rows([0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]),
    });
    expect(metrics.accuracy.value).toBe(0.75);
    expect(metrics.confusion).toEqual([
      [1, 1],
      [0, 2],
    ]);
    expect(metrics.macroF1.value).toBeCloseTo((2 / 3 + 4 / 5) / 2, 12);
    expect(metrics.auroc!.value).toBeCloseTo(3 / 4, 12); // of four pairs one is the wrong way round
    // in three bins: |1 - 0.9|, |(0 - 0.6) + (1 - 0.55)| (0.55 and 0.6 share a bin or not: 8 and 9 of 15), |1 - 0.7|
    expect(metrics.calibrationError.value).toBeCloseTo((0.1 + 0.6 + 0.45 + 0.3) / 4, 12);
    expect(metrics.majority).toBe(0.5);
  });

  it('know perfect from chance', () => {
    const random = createRandom(3);
    const labels = Array.from({ length: 400 }, (_, i) => i % 4);
    const perfect = measureTask({
      classes: 4,
      labels,
      probabilities: labels.map((label) => Float64Array.from({ length: 4 }, (_, k) => Number(k === label))),
    });
    expect([perfect.accuracy.value, perfect.macroF1.value, perfect.auroc!.value]).toEqual([1, 1, 1]);
    expect(perfect.calibrationError.value).toBe(0);
    expect(perfect.accuracy.low).toBeGreaterThan(0.98);
    const guessed = measureTask({
      classes: 4,
      labels,
      probabilities: labels.map(() => probabilitiesOf(Float32Array.from({ length: 4 }, random.normal), 1)),
    });
    for (const measured of [guessed.accuracy, guessed.macroF1]) expect(measured.value).toBeCloseTo(0.25, 0);
    expect(guessed.auroc!.low).toBeLessThan(0.5);
    expect(guessed.auroc!.high).toBeGreaterThan(0.5);
  });

  it('hold where a class does not occur, and where one row is all', () => {
    const one = measureTask({ classes: 3, labels: [2], probabilities: rows([0.2, 0.2, 0.6]) });
    expect(one).toMatchObject({ rows: 1, accuracy: { value: 1 }, macroF1: { value: 1 } });
    expect(one.auroc).toBeUndefined();
  });
});

describe('the temperature', () => {
  it('finds back the one that labels were drawn with', () => {
    const random = createRandom(5);
    const K = 3;
    const logits = Float32Array.from({ length: 6_000 * K }, () => 6 * random.normal());
    const labels = Array.from({ length: 6_000 }, (_, i) => {
      const p = probabilitiesOf(logits.subarray(i * K, (i + 1) * K), 2.5);
      const draw = random.uniform();
      return draw < p[0]! ? 0 : draw < p[0]! + p[1]! ? 1 : 2;
    });
    expect(fitTemperature(logits, K, labels)).toBeCloseTo(2.5, 0);
    const loss = calibratedLoss(logits, K, labels);
    expect(loss).toBeLessThan(calibratedLoss(logits, K, labels.toReversed()));
    const surer = logits.map((logit) => 4 * logit);
    expect(Math.abs(calibratedLoss(surer, K, labels) - loss)).toBeLessThan(1e-3); // however sure of itself
    expect(calibratedLoss(new Float32Array(0), K, [])).toBe(0);
    expect(fitTemperature(new Float32Array(0), K, [])).toBe(1);
    expect(
      fitTemperature(
        logits,
        K,
        labels.map(() => -1),
      ),
    ).toBe(1);
  });
});
