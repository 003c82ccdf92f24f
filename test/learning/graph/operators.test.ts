import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { exportModel } from '#shared/learning/graph/emit-onnx.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import { type Expression, OPEN, type OperatorName, type Shape, sizeOf } from '#shared/learning/graph/expression.ts';
import * as graph from '#shared/learning/graph/operators.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { expectTrueGradient, weighed } from './check-gradient.ts';

/** `x` and `y` are inputs with values away from the kinks at 0 and at x = y. */
type Sample = (x: (shape: Shape) => Expression, y: (shape: Shape) => Expression) => Expression;

/** The compiler asks for an entry when an operator is added. */
const SAMPLES: Readonly<Record<OperatorName, readonly Sample[]>> = {
  input: [(x) => x([3])],
  parameter: [(x) => graph.add(x([2]), graph.parameter('w', [2], Float32Array.of(0.5, -2)))],
  constant: [(x) => graph.multiply(x([2]), graph.constant([2], Float32Array.of(0.5, -2)))],
  negate: [(x) => graph.negate(x([2, 3]))],
  exp: [(x) => graph.exp(x([2, 3]))],
  log: [(x) => graph.log(square(x([2, 3])))],
  sqrt: [(x) => graph.sqrt(square(x([2, 3])))],
  tanh: [(x) => graph.tanh(x([2, 3]))],
  sigmoid: [(x) => graph.sigmoid(x([2, 3]))],
  relu: [(x) => graph.relu(x([2, 3]))],
  softplus: [(x) => graph.softplus(x([2, 3])), (x) => graph.softplus(graph.multiply(x([4]), 30))],
  isPositive: [(x) => graph.isPositive(x([2, 3]))],
  add: [(x, y) => graph.add(x([2, 3]), y([2, 3])), (x, y) => graph.add(x([2, 1]), y([3]))],
  subtract: [(x, y) => graph.subtract(x([2, 3]), y([2, 3])), (x, y) => graph.subtract(x([]), y([2, 1]))],
  multiply: [(x, y) => graph.multiply(x([2, 3]), y([2, 3])), (x, y) => graph.multiply(x([2, 3]), y([3]))],
  divide: [(x, y) => graph.divide(x([2, 3]), y([2, 3])), (x, y) => graph.divide(x([1, 3]), y([2, 1]))],
  maximum: [(x, y) => graph.maximum(x([2, 3]), y([2, 3])), (x) => graph.maximum(x([2, 3]), 0.1)],
  sum: [(x) => graph.sum(x([2, 3])), (x) => graph.sum(x([2, 3, 2]), [0, 2]), (x) => graph.sum(x([2, 3]), [1])],
  logSumExp: [(x) => graph.logSumExp(x([2, 4]), 1), (x) => graph.logSumExp(graph.multiply(x([2, 3, 2]), 90), 1)],
  matMul: [false, true].flatMap((transposeLeft) =>
    [false, true].flatMap((transposeRight): Sample[] => [
      (x, y) =>
        graph.matMul(x(transposeLeft ? [4, 2] : [2, 4]), y(transposeRight ? [3, 4] : [4, 3]), {
          transposeLeft,
          transposeRight,
        }),
      (x, y) =>
        graph.matMul(x(transposeLeft ? [2, 4, 3] : [2, 3, 4]), y(transposeRight ? [2, 2, 4] : [2, 4, 2]), {
          transposeLeft,
          transposeRight,
        }),
    ]),
  ),
  broadcast: [(x) => graph.broadcast(x([3, 1]), [2, 3, 4])],
  reshape: [(x) => graph.reshape(x([2, 6]), [3, 4])],
  transpose: [(x) => graph.transpose(x([2, 3, 4]), [2, 0, 1])],
  concatenate: [(x, y) => graph.concatenate([x([2, 3]), y([2, 2]), graph.filled([2, 1], 7)], 1)],
  slice: [(x) => graph.slice(x([2, 5]), 1, 1, 3), (x) => graph.slice(x([4, 2]), 0, 0, 2)],
  scaleGradient: [(x) => graph.scaleGradient(x([3]), 1)],
  random: [(x) => graph.random(graph.multiply(graph.sum(graph.isPositive(x([9]))), 3), [5, 2], 77)],
};

const square = (x: Expression): Expression => graph.add(graph.multiply(x, x), 0.3);

const VALUES: Readonly<Record<string, (length: number) => Float32Array>> = {
  x: (length) => awayFromZero(length, 1),
  y: (length) => awayFromZero(length, 2).map((value) => value * 1.37),
};

function awayFromZero(length: number, seed: number): Float32Array {
  const numbers = createRandom(seed);
  return Float32Array.from({ length }, () => (numbers.uniform() < 0.5 ? -1 : 1) * (0.2 + numbers.uniform()));
}

function build(sample: Sample): { expression: Expression; values: Record<string, Float32Array> } {
  const values: Record<string, Float32Array> = {};
  const named = (name: string) => (shape: Shape) => {
    values[name] = VALUES[name]!(sizeOf(shape));
    return graph.input(name, shape);
  };
  return { expression: sample(named('x'), named('y')), values };
}

const cases = Object.entries(SAMPLES).flatMap(([name, samples]) =>
  samples.map((sample, i): [string, Sample] => [samples.length > 1 ? `${name} (${i + 1})` : name, sample]),
);

describe('an operator', () => {
  it.each(cases)('%s has the same value in float64 and on ONNX Runtime', async (_, sample) => {
    const { expression, values } = build(sample);
    const session = await createOnnxSession(exportModel({ result: expression }));
    const shapes = new Map(session.inputs.map((info) => [info.name, info.shape as number[]]));
    const feeds = Object.entries(values).map(([name, data]) => [
      name,
      { type: 'float32' as const, shape: shapes.get(name)!, data },
    ]);
    const { result } = await session.run(Object.fromEntries(feeds));
    await session.close();
    const expected = evaluate([expression], values)[0]!;
    expect(result!.shape).toEqual(expected.shape);
    expect(expected.shape).toEqual(expression.shape);
    expected.data.forEach((value, i) => {
      const error = Math.abs(Number(result!.data[i]) - value);
      expect(error, `element ${i} = ${value}`).toBeLessThan(2e-6 * Math.max(1, Math.abs(value)));
    });
  });

  it.each(cases)('%s has the derivative that central differences give', (_, sample) => {
    const { expression, values } = build(sample);
    expectTrueGradient(weighed(expression), values);
  });

  it('refuses shapes that do not fit, with the shapes', () => {
    const a = graph.input('a', [2, 3]);
    expect(() => graph.add(a, graph.input('b', [2]))).toThrowError(/add does not fit shapes \[2,3\] and \[2\]/);
    expect(() => graph.matMul(a, a)).toThrowError(/matMul/);
    expect(() => graph.reshape(a, [4])).toThrowError(/reshape/);
    expect(() => graph.slice(a, 1, 2, 5)).toThrowError(/slice/);
    expect(() => graph.concatenate([a, graph.input('c', [3, 3])], 1)).toThrowError(/concatenate/);
  });

  it('keeps an open batch open', async () => {
    const x = graph.input('x', [OPEN, 4]);
    const y = graph.reshape(graph.logSumExp(graph.reshape(x, [OPEN, 2, 2]), 2), [OPEN, 2]);
    expect(y.shape).toEqual([OPEN, 2]);
    const session = await createOnnxSession(exportModel({ y }));
    for (const rows of [1, 3]) {
      const data = awayFromZero(rows * 4, rows);
      const [expected] = evaluate([y], { x: data });
      const result = await session.run({ x: { type: 'float32', shape: [rows, 4], data } });
      expect(result.y!.shape).toEqual([rows, 2]);
      expected!.data.forEach((value, i) => {
        expect(result.y!.data[i]).toBeCloseTo(value, 5);
      });
    }
    await session.close();
  });
});

describe('random numbers of the graph', () => {
  const step = graph.input('step', []);
  const draw = (number: number, key: number, size = 10_000) =>
    evaluate([graph.random(step, [size], key)], { step: [number] })[0]!.data;
  const meanOf = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
  const correlation = (a: Float64Array, b: Float64Array) =>
    12 * meanOf(a.map((value, i) => (value - 0.5) * (b[i]! - 0.5)));

  it('are uniform in [0, 1)', () => {
    const values = draw(1, 1);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = values.filter((value) => Math.floor(value * 10) === tenth).length / values.length;
      expect(Math.abs(share - 0.1)).toBeLessThan(0.015); // 5 standard deviations
    }
  });

  it('have nothing to do with their neighbours, the next step or another key', () => {
    const values = draw(1, 1);
    const strangers = [values.subarray(1), values.subarray(64), draw(2, 1), draw(1, 2), draw(1, 1 + 2 ** 16)];
    for (const other of strangers) {
      expect(Math.abs(correlation(values.subarray(0, other.length), other))).toBeLessThan(0.05);
    }
  });

  it('are the same for the same step and key', () => {
    expect(draw(5, 3)).toEqual(draw(5, 3));
  });
});
