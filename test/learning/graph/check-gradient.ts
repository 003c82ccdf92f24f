/** Central differences: what every derivative is compared with. */

import { expect } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { differentiate } from '#shared/learning/graph/differentiate.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import { type Expression, inOrder, isInput, isParameter, sizeOf } from '#shared/learning/graph/expression.ts';
import { constant, multiply, sum } from '#shared/learning/graph/operators.ts';

const STEP = 1e-5;

/** One number that depends on every element of `x` differently. */
export function weighed(x: Expression, seed = 9): Expression {
  const numbers = createRandom(seed);
  const weights = constant(
    x.shape,
    Float32Array.from({ length: sizeOf(x.shape) }, () => numbers.normal()),
  );
  return sum(multiply(x, weights));
}

/**
 * (f(w + h) - f(w - h)) / 2h = df/dw for each element of each input and parameter, in float64.
 * @param loss one element @param values of the inputs
 */
export function expectTrueGradient(
  loss: Expression,
  values: Readonly<Record<string, ArrayLike<number>>> = {},
  { tolerance = 1e-6, except = [] as readonly string[] } = {},
): void {
  const leaves = inOrder([loss]).filter((leaf) => isInput(leaf) || isParameter(leaf));
  const varied = leaves.filter(({ attributes }) => !except.includes(attributes.name));
  const gradients = evaluate(differentiate(loss, varied), values);
  varied.forEach((leaf, i) => {
    const { name } = leaf.attributes;
    const start = Float64Array.from(values[name] ?? (isParameter(leaf) ? leaf.attributes.initial : []));
    const slopes = start.map((_, position) => {
      const lossAt = (shift: number) => {
        const moved = start.with(position, start[position]! + shift);
        return evaluate([loss], { ...values, [name]: moved })[0]!.data[0]!;
      };
      return (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
    });
    expect(gradients[i]!.shape).toEqual(leaf.shape);
    slopes.forEach((slope, position) => {
      const error = Math.abs(gradients[i]!.data[position]! - slope);
      expect(error, `d/d ${name}[${position}] = ${slope}`).toBeLessThan(tolerance * Math.max(1, Math.abs(slope)));
    });
  });
}
