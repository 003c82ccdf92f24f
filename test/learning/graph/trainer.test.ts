import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { exportModel } from '#shared/learning/graph/emit-onnx.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import { OPEN } from '#shared/learning/graph/expression.ts';
import { createNoise, dense, dropout, heNormal } from '#shared/learning/graph/layers.ts';
import { crossEntropy, squaredError } from '#shared/learning/graph/losses.ts';
import {
  filled,
  input,
  negate,
  parameter,
  relu,
  stopGradient,
  subtract,
  sum,
} from '#shared/learning/graph/operators.ts';
import { adam, adamW, cosineSchedule, type Optimiser, sgd } from '#shared/learning/graph/optimisers.ts';
import { openTrainer } from '#shared/learning/graph/trainer.ts';
import { averageName, STEP, trainingStep } from '#shared/learning/graph/training-step.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';

const openSession = createOnnxSession;
const B = 8;
const D = 5;
const K = 3;

function problem(seed = 1, rate = 0.5) {
  const numbers = createRandom(seed);
  const hidden = dense('hidden', D, 16, numbers, heNormal);
  const output = dense('output', 16, K, numbers);
  const noise = createNoise(STEP, seed);
  const x = input('x', [B, D]);
  const y = input('y', [B, K]);
  const network = (rows: typeof x) => output(dropout(relu(hidden(rows)), rate, noise));
  return { loss: crossEntropy(network(x), y), network: (rows: typeof x) => output(relu(hidden(rows))) };
}

function batches(steps: number, seed = 2) {
  const numbers = createRandom(seed);
  const x = Float32Array.from({ length: steps * B * D }, () => numbers.normal());
  const y = new Float32Array(steps * B * K);
  for (let row = 0; row < steps * B; row++) {
    const best = [0, 1, 2].reduce((a, b) => (x[row * D + b]! > x[row * D + a]! ? b : a));
    y[row * K + best] = 1;
  }
  return { x, y };
}

const OPTIMISERS: Readonly<Record<string, Optimiser>> = {
  SGD: sgd(),
  'SGD with momentum': sgd({ momentum: 0.9 }),
  Adam: adam(),
  AdamW: adamW({ weightDecay: 0.1 }),
};

describe('training on ONNX Runtime', () => {
  it.each(Object.entries(OPTIMISERS))('makes the steps of %s that float64 makes', async (_, optimiser) => {
    const step = trainingStep(problem().loss, { optimiser, clipNorm: 0.7, averageDecay: 0.3 });
    const data = batches(6);
    const trainer = await openTrainer(step, (number) => 0.02 / number, { openSession });
    const { loss } = await trainer.run(6, { x: data.x.slice(), y: data.y.slice() });

    let values: Record<string, ArrayLike<number>> = {};
    for (let i = 0; i < 6; i++) {
      const now = {
        ...values,
        x: data.x.subarray(i * B * D, (i + 1) * B * D),
        y: data.y.subarray(i * B * K, (i + 1) * B * K),
        step: [i + 1],
        learningRate: [0.02 / (i + 1)],
      };
      const [expected, ...next] = evaluate([step.reports.loss!, ...step.assignments.map(({ value }) => value)], now);
      expect(loss![i]).toBeCloseTo(expected!.data[0]!, 4);
      values = Object.fromEntries(step.assignments.map(({ target }, j) => [target.attributes.name, next[j]!.data]));
    }
    for (const [name, data] of trainer.values()) {
      data.forEach((value, i) => {
        expect(Math.abs(value - values[name]![i]!), `${name}[${i}]`).toBeLessThan(2e-4);
      });
    }
    await trainer.close();
  });

  it('learns, and the exported network answers for any batch', async () => {
    const { loss, network } = problem(3, 0.2);
    const trainer = await openTrainer(trainingStep(loss, { optimiser: adam() }), () => 0.01, { openSession });
    const first = await trainer.run(10, batches(10, 5));
    for (let i = 0; i < 6; i++) await trainer.run(50, batches(50, 10 + i));
    const last = await trainer.run(10, batches(10, 6));
    expect(last.loss!.at(-1)).toBeLessThan(first.loss![0]! / 2);

    const model = exportModel({ logits: network(input('x', [OPEN, D])) }, trainer.values());
    await trainer.close();
    const session = await createOnnxSession(model);
    expect(session.inputs).toEqual([{ name: 'x', type: 'float32', shape: ['batch', D] }]);
    const test = batches(20, 99);
    const { logits } = await session.run({ x: { type: 'float32', shape: [20 * B, D], data: test.x } });
    await session.close();
    let right = 0;
    for (let row = 0; row < 20 * B; row++) {
      const answer = [0, 1, 2].reduce((a, b) => (logits!.data[row * K + b]! > logits!.data[row * K + a]! ? b : a));
      right += test.y[row * K + answer]!;
    }
    expect(right / (20 * B)).toBeGreaterThan(0.85);
  });

  it('goes on from a checkpoint as if it had not stopped, dropout included', async () => {
    const step = trainingStep(problem().loss, { optimiser: adam() });
    const options = [cosineSchedule(0.01, 20, 3), { openSession }] as const;
    const whole = await openTrainer(step, ...options);
    const stopped = await openTrainer(step, ...options);
    const { x, y } = batches(20);
    const half = (data: Float32Array, part: number) =>
      data.slice((part * data.length) / 2, ((part + 1) * data.length) / 2);
    await whole.run(20, { x: x.slice(), y: y.slice() });
    await stopped.run(10, { x: half(x, 0), y: half(y, 0) });
    const resumed = await openTrainer(step, ...options);
    resumed.restore(stopped.values(), stopped.steps);
    await resumed.run(10, { x: half(x, 1), y: half(y, 1) });
    expect(resumed.steps).toBe(20);
    expect(resumed.values()).toEqual(whole.values());
    await Promise.all([whole.close(), stopped.close(), resumed.close()]);
  });

  it('gives the same in a thread of its own, and keeps memory that is the same for all steps', async () => {
    const x = input('x', [4, 2], 'run');
    const weight = parameter('w', [1, 2], Float32Array.of(1, 2));
    const step = trainingStep(squaredError(x, weight), { optimiser: sgd() });
    const data = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    const results = [];
    for (const open of [createOnnxSession, createThreadedSession]) {
      const trainer = await openTrainer(step, () => 0.1, { openSession: open });
      await trainer.run(3, { x: data });
      await trainer.run(200, { x: data });
      results.push(trainer.values());
      await trainer.close();
    }
    expect(results[0]).toEqual(results[1]);
    expect([...results[0]!.get('w')!]).toEqual([expect.closeTo(3, 4), expect.closeTo(4, 4)]); // the mean of the rows
  });

  it('leaves frozen parameters and stopped gradients alone', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => parameter(name, [1], Float32Array.of(1)));
    const loss = sum(subtract(subtract(a!, b!), stopGradient(c!)));
    const step = trainingStep(loss, { optimiser: sgd(), frozen: [b!] });
    const trainer = await openTrainer(step, () => 1, { openSession });
    await trainer.run(2, {});
    expect(trainer.values()).toEqual(
      new Map([
        ['a', Float32Array.of(-1)],
        ['c', Float32Array.of(1)],
      ]),
    );
    await trainer.close();
  });

  it('keeps running averages, over few steps at first', async () => {
    const weight = parameter('w', [1], Float32Array.of(0));
    const step = trainingStep(sum(negate(weight)), { optimiser: sgd(), averageDecay: 0.25 });
    const trainer = await openTrainer(step, () => 1, { openSession });
    await trainer.run(3, {}); // w is 1, 2, 3
    const first = (1 - 2 / 11) * 1;
    const second = 0.25 * first + 0.75 * 2; // (1 + 2) / (10 + 2) is the decay itself
    expect([...trainer.values().get(averageName('w'))!]).toEqual([expect.closeTo(0.25 * second + 0.75 * 3, 6)]);
    await trainer.close();
  });

  it('clips the length of all gradients together', async () => {
    const a = parameter('a', [1], Float32Array.of(0));
    const b = parameter('b', [1], Float32Array.of(0));
    const loss = subtract(0, sum(subtract(subtract(0, a), subtract(0, subtract(0, b))))); // gradient (1, 1)
    const trainer = await openTrainer(trainingStep(loss, { optimiser: sgd(), clipNorm: 0.1 }), () => 1, {
      openSession,
    });
    await trainer.run(1, {});
    const moved = [...trainer.values().values()].map((value) => Math.abs(value[0]!));
    expect(Math.hypot(...moved)).toBeCloseTo(0.1, 6);
    await trainer.close();
  });

  it('refuses a checkpoint of another network and inputs of another size', async () => {
    const trainer = await openTrainer(trainingStep(problem().loss, { optimiser: sgd() }), () => 1, { openSession });
    expect(() => trainer.restore(new Map(), 3)).toThrowError(expect.objectContaining({ code: 'state_corrupt' }));
    await expect(trainer.run(2, batches(3))).rejects.toThrowError(/input x takes \[2,8,5\] and got 120 values/);
    await trainer.close();
  });
});

describe('dropout', () => {
  const x = filled([100, 100], 1);

  it('zeroes the given share of the elements and keeps the expectation', () => {
    const [result] = evaluate([dropout(x, 0.3, createNoise(STEP, 1))], { step: [1] });
    const zeros = result!.data.filter((value) => value === 0).length / 10_000;
    expect(Math.abs(zeros - 0.3)).toBeLessThan(0.025); // 5 standard deviations
    expect(result!.data.reduce((a, b) => Math.max(a, b))).toBeCloseTo(1 / 0.7, 6);
  });

  it('draws anew for each step, use and seed', () => {
    const noise = createNoise(STEP, 1);
    const draws = [dropout(x, 0.5, noise), dropout(x, 0.5, noise), dropout(x, 0.5, createNoise(STEP, 2))];
    const results = [1, 2].flatMap((step) => evaluate(draws, { step: [step] })).map(({ data }) => data.join());
    expect(new Set(results).size).toBe(6);
  });
});

describe('a schedule', () => {
  it('rises to its peak and falls to zero', () => {
    const rate = cosineSchedule(2, 110, 10);
    expect([rate(5), rate(10), rate(60), rate(110), rate(200)]).toEqual([1, 2, expect.closeTo(1), 0, 0]);
  });
});

describe('first values', () => {
  it('of He have variance 2 / inputs', () => {
    const data = heNormal([50, 200], createRandom(1));
    const variance = data.reduce((total, value) => total + value * value, 0) / data.length;
    expect(variance).toBeGreaterThan(0.037);
    expect(variance).toBeLessThan(0.043);
  });
});
