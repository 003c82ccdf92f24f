/** The value of expressions in float64, one operator after the other: the oracle that ONNX Runtime is compared with. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Array64 } from './array64.ts';
import { type Expression, inOrder, isInput, isParameter, OPEN, type Shape, sizeOf } from './expression.ts';
import { operatorOf } from './operators.ts';

type Values = Readonly<Record<string, ArrayLike<number>>>;

/** @param values of inputs and parameters by name; a parameter that is left out has its initial value */
export function evaluate(expressions: readonly Expression[], values: Values = {}): readonly Array64[] {
  const results = new Map<Expression, Array64>();
  for (const expression of inOrder(expressions)) {
    const operands = expression.operands.map((operand) => results.get(operand)!);
    results.set(
      expression,
      leafValue(expression, values) ?? operatorOf(expression).evaluate(operands, expression.attributes),
    );
  }
  return expressions.map((expression) => results.get(expression)!);
}

function leafValue(expression: Expression, values: Values): Array64 | undefined {
  if (!isInput(expression) && !isParameter(expression)) return undefined;
  const { name } = expression.attributes;
  const given = values[name] ?? (isParameter(expression) ? expression.attributes.initial : undefined);
  if (given === undefined) throw new ChiasmError('internal', `the input ${name} has no value`);
  const data = Float64Array.from(given);
  return { shape: closed(expression.shape, data.length, name), data };
}

/** An open axis takes what the number of values leaves for it. */
function closed(shape: Shape, length: number, name: string): Shape {
  const rest = sizeOf(shape.filter((size) => size !== OPEN));
  const filled = shape.map((size) => (size === OPEN ? length / rest : size));
  if (sizeOf(filled) === length && filled.every(Number.isInteger)) return filled;
  throw new ChiasmError('internal', `${name} of shape [${shape}] got ${length} values`);
}
