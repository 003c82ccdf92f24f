/** The networks of classifiers against the formulas that they stand for, evaluated in float64. */

import { describe, expect, it } from 'vitest';
import type { InputSpec } from '#shared/classify/model-inputs.ts';
import { createNetwork, type NetworkOutputs, taskDepths } from '#shared/classify/network.ts';
import { type Recipe, recipeSchema } from '#shared/classify/recipe.ts';
import { createRandom } from '#shared/core/random.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import { type Expression, inOrder, isParameter } from '#shared/learning/graph/expression.ts';
import { constant } from '#shared/learning/graph/operators.ts';

const B = 4;
const spec = (name: string, kind: InputSpec['kind'], length: number, masked = false): InputSpec => ({
  name,
  kind,
  length,
  masked,
  mean: Array.from({ length }, (_, i) => i / 10),
  scale: Array.from({ length }, () => 2),
});
const SPECS = [spec('image', 'image', 3), spec('vitals', 'signal', 2, true)];
const TASKS = [
  { name: 'colour', classes: ['blue', 'green', 'red'] },
  { name: 'size', classes: ['big', 'small'] },
];

const random = createRandom(7);
const IMAGE = Float32Array.from({ length: B * 3 }, random.normal);
const VITALS = Float32Array.of(1, 2, 1, 1, 0, 3, 0, 1, 5, -1, 1, 1, 0, 0, 0, 0);
/** All, only the image, only the vital signs, all. */
const PRESENT = Float32Array.of(1, 1, 1, 0, 0, 1, 1, 1);

function run(recipe: Partial<Recipe>, present = PRESENT, image = IMAGE) {
  const network = createNetwork(SPECS, TASKS, { ...recipeSchema.parse(undefined), hiddenUnits: 8, seed: 2, ...recipe });
  const outputs = network({
    contents: [constant([B, 3], image), constant([B, 4], VITALS)],
    present: constant([B, 2], present),
  });
  return { outputs, values: (expression: Expression) => evaluate([expression])[0]!.data };
}

/** What makes 3 numbers of the image and 4 of the vital signs begin with the same variance. */
const SHARES = [Math.sqrt(3.5 / 3), Math.sqrt(3.5 / 4)] as const;

const parametersOf = (outputs: NetworkOutputs) =>
  new Map(
    inOrder(outputs.logits)
      .filter(isParameter)
      .map((p) => [p.attributes.name, p.attributes.initial]),
  );

const softmaxRow = (row: Float64Array) => {
  const exponentials = row.map(Math.exp);
  return exponentials.map((e) => e / exponentials.reduce((a, b) => a + b));
};

describe('feature fusion', () => {
  it('is W2 relu(W1 [x1; x2] + b1) + b2 over normalised features, zeros for what is missing', () => {
    const { outputs, values } = run({ fusion: 'feature' });
    const weights = parametersOf(outputs);
    const [W1, b1] = [weights.get('fused/shared/weight')!, weights.get('fused/shared/bias')!];
    const [W2, b2] = [weights.get('fused/colour/classes/weight')!, weights.get('fused/colour/classes/bias')!];
    const logits = values(outputs.logits[0]!);
    for (let i = 0; i < B; i++) {
      const image = [0, 1, 2].map((d) => (IMAGE[i * 3 + d]! - Math.fround(d / 10)) * 2 * PRESENT[i * 2]! * SHARES[0]);
      const mask = [VITALS[i * 4 + 2]!, VITALS[i * 4 + 3]!];
      const vitals = [0, 1].map(
        (d) => Math.max(-10, Math.min(10, (VITALS[i * 4 + d]! - Math.fround(d / 10)) * 2)) * mask[d]!,
      );
      const x = [...image, ...[...vitals, ...mask].map((value) => value * PRESENT[i * 2 + 1]! * SHARES[1])];
      const hidden = Array.from({ length: 8 }, (_, h) =>
        Math.max(
          0,
          x.reduce((sum, value, d) => sum + value * W1[d * 8 + h]!, b1[h]!),
        ),
      );
      for (let k = 0; k < 3; k++) {
        const expected = hidden.reduce((sum, value, h) => sum + value * W2[h * 3 + k]!, b2[k]!);
        expect(logits[i * 3 + k]).toBeCloseTo(expected, 5);
      }
    }
  });

  it('has the size of the seed by default', () => {
    expect(recipeSchema.parse(undefined)).toMatchObject({
      fusion: 'feature',
      hiddenUnits: 1024,
      dropout: 0.5,
      learningRate: 1e-4,
      batchSize: 32,
    });
  });
});

describe('decision fusion', () => {
  it('is sum_m alpha_m f_m(x_m), alpha over what is there', () => {
    const { outputs, values } = run({ fusion: 'decision' });
    for (const [t, { classes }] of TASKS.entries()) {
      const K = classes.length;
      const fused = values(outputs.logits[t]!).map(Math.exp);
      const alphas = values(outputs.weights![t]!);
      const own = outputs.decisions![t]!.map(values);
      for (let i = 0; i < B; i++) {
        const decisions = own.map((logits) => softmaxRow(logits.slice(i * K, (i + 1) * K)));
        for (let k = 0; k < K; k++) {
          const expected = decisions.reduce((sum, p, m) => sum + alphas[i * 2 + m]! * p[k]!, 0);
          expect(fused[i * K + k]).toBeCloseTo(expected, 6);
        }
        const [first, second] = [alphas[i * 2]!, alphas[i * 2 + 1]!];
        expect(first + second).toBeCloseTo(1, 6);
        expect(Math.min(first, second)).toBeGreaterThanOrEqual(0);
      }
      expect([...alphas.slice(2, 6)]).toEqual([1, 0, 0, 1]);
    }
  });
});

describe('attention fusion', () => {
  it('is W sum_m a_m relu(W_m x_m + b_m) + b', () => {
    const H = 6; // does not divide by 4: one head, whose weights are those that are answered
    const { outputs, values } = run({ fusion: 'attention', hiddenUnits: H });
    const weights = parametersOf(outputs);
    const logits = values(outputs.logits[0]!);
    const attention = values(outputs.weights![0]!);
    const row = 0; // has all
    const image = [0, 1, 2].map((d) => (IMAGE[d]! - d / 10) * 2 * SHARES[0]);
    const vitals = [0, 1].map((d) => (VITALS[d]! - d / 10) * 2 * VITALS[2 + d]!);
    const contents: [string, number[]][] = [
      ['image', image],
      ['vitals', [...vitals, VITALS[2]!, VITALS[3]!].map((value) => value * SHARES[1])],
    ];
    const pooled = Array.from({ length: H }, (_, h) =>
      contents.reduce((sum, [name, x], m) => {
        const [W, b] = ['weight', 'bias'].map((part) => weights.get(`${name}/shared/${part}`)!);
        const unit = x.reduce((total, value, d) => total + value * W![d * H + h]!, b![h]!);
        return sum + attention[row * 2 + m]! * Math.max(0, unit);
      }, 0),
    );
    const [W, b] = ['weight', 'bias'].map((part) => weights.get(`attended/colour/classes/${part}`)!);
    for (let k = 0; k < 3; k++) {
      const expected = pooled.reduce((sum, value, h) => sum + value * W![h * 3 + k]!, b![k]!);
      expect(logits[row * 3 + k]).toBeCloseTo(expected, 5);
    }
  });

  it('gives weights that sum to 1 over what is there', () => {
    const { outputs, values } = run({ fusion: 'attention' });
    for (const weights of outputs.weights!.map(values)) {
      for (let i = 0; i < B; i++) expect(weights[i * 2]! + weights[i * 2 + 1]!).toBeCloseTo(1, 6);
      expect(weights[3]).toBe(0);
      expect(weights[4]).toBe(0);
    }
  });
});

describe.each(['feature', 'decision', 'attention'] as const)('%s fusion', (fusion) => {
  it('does not look at what is missing', () => {
    const other = IMAGE.map((value, i) => (i >= 6 && i < 9 ? value + 100 : value)); // row 2 has no image
    const first = run({ fusion });
    const second = run({ fusion }, PRESENT, other);
    for (const t of TASKS.keys()) {
      expect(second.values(second.outputs.logits[t]!)).toEqual(first.values(first.outputs.logits[t]!));
    }
  });

  it.each(['hard', 'soft', 'hierarchical', 'separate'] as const)('answers every task with %s sharing', (sharing) => {
    const { outputs, values } = run({ fusion, sharing });
    expect(outputs.logits.map(({ shape }) => shape)).toEqual([
      [B, 3],
      [B, 2],
    ]);
    for (const logits of outputs.logits) expect(values(logits).every(Number.isFinite)).toBe(true);
    expect(outputs.penalty !== undefined).toBe(sharing === 'soft');
  });
});

describe('sharing', () => {
  const trunks = (sharing: Recipe['sharing']) =>
    [...parametersOf(run({ sharing }).outputs).keys()].filter((name) => !name.includes('classes'));

  it('hard has one trunk for all tasks, soft and separate one for each, hierarchical one for each level', () => {
    expect(trunks('hard')).toEqual(['fused/shared/weight', 'fused/shared/bias']);
    expect(trunks('soft')).toHaveLength(4);
    expect(trunks('separate')).toHaveLength(4);
    expect(trunks('hierarchical').map((name) => name.split('/')[1])).toEqual(
      expect.arrayContaining(['shared', 'level 1']),
    );
  });

  it('soft adds weight sum_t ||theta_t - mean theta||^2', () => {
    const { outputs, values } = run({ sharing: 'soft', softPenalty: 0.5 });
    const weights = parametersOf(outputs);
    const squares = ['weight', 'bias'].map((part) => {
      const [a, b] = ['colour', 'size'].map((task) => weights.get(`fused/${task}/${part}`)!);
      return a!.reduce((sum, value, i) => sum + (value - b![i]!) ** 2 / 2, 0);
    });
    expect(values(outputs.penalty!)[0]).toBeCloseTo(0.5 * (squares[0]! + squares[1]!), 5);
  });

  it('hierarchical asks coarse tasks at lower levels', () => {
    const tasks = [7, 2, 40, 5, 2].map((count) => ({ name: `${count}`, classes: Array(count).fill('') }));
    expect(taskDepths(tasks)).toEqual([1, 0, 2, 0, 0]);
    expect(taskDepths(tasks.slice(0, 1))).toEqual([0]);
  });
});
