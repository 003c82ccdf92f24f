/** Every formula against a literal transcription of it, and its gradient against central differences. */

import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import type { Expression } from '#shared/learning/graph/expression.ts';
import { dense, layerNorm, logSoftmax, softmax, unitRows } from '#shared/learning/graph/layers.ts';
import {
  binaryCrossEntropy,
  correlationLoss,
  crossEntropy,
  squaredError,
  sumOfLosses,
  weightedFusion,
} from '#shared/learning/graph/losses.ts';
import { input, multiply, parameter, slice, tanh } from '#shared/learning/graph/operators.ts';
import { expectTrueGradient, weighed } from './check-gradient.ts';

const numbers = createRandom(4);
const normals = (length: number) => Float32Array.from({ length }, () => numbers.normal());
const value = (expression: Expression, values: Record<string, ArrayLike<number>>) =>
  evaluate([expression], values)[0]!.data;

const B = 5;
const K = 3;
const logits = input('logits', [B, K]);
const targets = input('targets', [B, K]);
const z = normals(B * K);
const oneHot = Float32Array.from({ length: B * K }, (_, i) => (i % K === Math.floor(i / K) % K ? 1 : 0));

describe('the loss', () => {
  it('cross-entropy is -sum_i log(exp z_iy / sum_k exp z_ik) / B', () => {
    let total = 0;
    for (let i = 0; i < B; i++) {
      const row = [...z.subarray(i * K, (i + 1) * K)];
      total -= Math.log(Math.exp(row[i % K]!) / row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    }
    const loss = crossEntropy(logits, targets);
    expect(value(loss, { logits: z, targets: oneHot })[0]).toBeCloseTo(total / B, 7);
    expectTrueGradient(loss, { logits: z, targets: oneHot });
  });

  it('cross-entropy weighs rows', () => {
    const weights = input('weights', [B, 1]);
    const given = { logits: z, targets: oneHot, weights: [0, 0, 1, 0, 0] };
    const only = z.subarray(2 * K, 3 * K);
    const expected = -Math.log(Math.exp(only[2]!) / only.reduce((sum, logit) => sum + Math.exp(logit), 0)) / B;
    expect(value(crossEntropy(logits, targets, weights), given)[0]).toBeCloseTo(expected, 7);
    expectTrueGradient(crossEntropy(logits, targets, weights), given);
  });

  it('binary cross-entropy is -mean(y log s + (1 - y) log(1 - s)), s = sigmoid z', () => {
    const terms = [...z].map((logit, i) => {
      const s = 1 / (1 + Math.exp(-logit));
      return -(oneHot[i]! * Math.log(s) + (1 - oneHot[i]!) * Math.log(1 - s));
    });
    const loss = binaryCrossEntropy(logits, targets);
    const expected = terms.reduce((a, b) => a + b) / terms.length;
    expect(value(loss, { logits: z, targets: oneHot })[0]).toBeCloseTo(expected, 7);
    expectTrueGradient(loss, { logits: z, targets: oneHot });
  });

  it('squared error is the mean of (x - y)^2', () => {
    const x = normals(B * K);
    const expected = [...x].reduce((sum, v, i) => sum + (v - z[i]!) ** 2, 0) / (B * K);
    const loss = squaredError(logits, targets);
    expect(value(loss, { logits: x, targets: z })[0]).toBeCloseTo(expected, 6);
    expectTrueGradient(loss, { logits: x, targets: z });
  });

  it('the correlation loss is -sum_i rho_i log(u_i . v_i / (|u_i| |v_i|))', () => {
    const u = normals(B * K);
    const v = u.map((x) => x + 0.4 * numbers.normal());
    const rho = [0.9, 0.5, 0.2];
    let expected = 0;
    for (let i = 0; i < K; i++) {
      const column = (x: Float32Array) => Array.from({ length: B }, (_, row) => x[row * K + i]!);
      const dot = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
      const [ui, vi] = [column(u), column(v)];
      expected -= rho[i]! * Math.log(dot(ui, vi) / (Math.sqrt(dot(ui, ui)) * Math.sqrt(dot(vi, vi))));
    }
    const loss = correlationLoss(input('u', [B, K]), input('v', [B, K]), input('rho', [1, K]));
    expect(value(loss, { u, v, rho })[0]).toBeCloseTo(expected, 6);
    expectTrueGradient(loss, { u, v, rho }, { except: ['rho'] });
  });

  it('the correlation loss stays finite, with a slope, where columns are opposed', () => {
    const u = normals(B * K);
    const given = { u, v: u.map((x) => -x), rho: [1, 1, 1] };
    const loss = correlationLoss(input('u', [B, K]), input('v', [B, K]), input('rho', [1, K]));
    expect(value(loss, given)[0]).toBeGreaterThan(1e4);
    expectTrueGradient(loss, given, { except: ['rho'], tolerance: 1e-3 });
  });

  it('weighted fusion is sum_m alpha_m f_m(x_m)', () => {
    const widths = [4, 2, 3];
    const inputs = widths.map((width, m) => input(`x${m}`, [B, width]));
    const networks = widths.map((width, m) => dense(`f${m}`, width, K, numbers));
    const data = Object.fromEntries(widths.map((width, m) => [`x${m}`, normals(B * width)]));
    const scores = parameter('scores', [1, 3], Float32Array.of(0.3, -1, 0.8));
    const alpha = softmax(scores);
    const decisions = inputs.map((x, m) => softmax(networks[m]!(x)));
    const fused = weightedFusion(
      decisions,
      widths.map((_, m) => slice(alpha, 1, m, m + 1)),
    );
    const weights = value(alpha, {});
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const parts = decisions.map((decision) => value(decision, data));
    value(fused, data).forEach((y, i) => {
      expect(y).toBeCloseTo(
        parts.reduce((sum, part, m) => sum + weights[m]! * part[i]!, 0),
        12,
      );
    });
    expectTrueGradient(weighed(fused), data);
  });

  it('hard sharing minimises sum_t L_t(X_t, Y_t; shared, own): the shared gradient is the sum over tasks', () => {
    const shared = dense('shared', 4, 3, numbers);
    const tasks = [0, 1].map((t) => {
      const head = dense(`task${t}`, 3, K, numbers);
      return crossEntropy(head(tanh(shared(input(`x${t}`, [B, 4])))), input(`y${t}`, [B, K]));
    });
    const data = { x0: normals(B * 4), x1: normals(B * 4), y0: oneHot, y1: oneHot };
    const [each0, each1] = tasks.map((task) => value(task, data)[0]!);
    expect(value(sumOfLosses(tasks), data)[0]).toBeCloseTo(each0! + each1!, 12);
    expectTrueGradient(sumOfLosses(tasks), data);
  });
});

describe('a layer', () => {
  it('layer normalisation gives rows of mean 0 and variance 1, scaled and shifted by what it learns', () => {
    const x = input('x', [2, 6]);
    const given = { x: normals(12) };
    const result = value(layerNorm('norm', 6)(x), given);
    for (const row of [result.subarray(0, 6), result.subarray(6)]) {
      const mean = row.reduce((a, b) => a + b) / 6;
      expect(mean).toBeCloseTo(0, 12);
      expect(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 6).toBeCloseTo(1, 3);
    }
    expectTrueGradient(weighed(layerNorm('norm', 6)(x)), given);
  });

  it('softmax neither overflows nor vanishes for logits of any size', () => {
    const x = input('x', [1, 3]);
    expect([...value(softmax(x), { x: [1000, 999, -1000] })]).toEqual([
      expect.closeTo(0.7311, 4),
      expect.closeTo(0.2689, 4),
      0,
    ]);
    expect(value(logSoftmax(x), { x: [1000, 999, -1000] })[2]).toBeCloseTo(-2000.313, 2);
    expectTrueGradient(weighed(softmax(x)), { x: [1, 2, -1] });
  });

  it('unit rows have length one, and a row of zeros stays', () => {
    const x = input('x', [2, 2]);
    expect([...value(unitRows(x), { x: [3, 4, 0, 0] })]).toEqual([expect.closeTo(0.6), expect.closeTo(0.8), 0, 0]);
    expectTrueGradient(weighed(unitRows(multiply(x, 2))), { x: [3, 4, 0.1, -0.2] });
  });
});
