/**
 * The operators: for each its shape rule, its value in float64, its ONNX nodes and its derivative, in one table that the
 * compiler keeps complete; below it, the functions that build expressions. Nothing else knows an operator by name.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import * as array from './array64.ts';
import { counterRandom, emitCounterRandom } from './counter-random.ts';
import { type Attributes, type Expression, OPEN, type OperatorName, type Shape, sizeOf } from './expression.ts';
import type { NodeWriter } from './node-writer.ts';

interface Operator<Name extends OperatorName> {
  /** @returns undefined when the operands do not fit */
  shape(operands: readonly Shape[], attributes: Attributes[Name]): Shape | undefined;
  evaluate(operands: readonly array.Array64[], attributes: Attributes[Name]): array.Array64;
  emit(write: NodeWriter, operands: readonly string[], expression: Expression<Name>): string;
  /**
   * The gradient of each operand, given that of the result. It may have the larger shape of a broadcast: whoever calls
   * sums it. Undefined where the result does not depend on the operand.
   */
  differentiate(gradient: Expression, expression: Expression<Name>): readonly (Expression | undefined)[];
}

type Table = { readonly [Name in OperatorName]: Operator<Name> };

const OPERATORS: Table = {
  input: source((attributes) => attributes.shape),
  parameter: source((attributes) => attributes.shape),
  constant: {
    ...source((attributes) => attributes.shape),
    evaluate: (_, { shape, data }) => ({ shape, data: Float64Array.from(data) }),
    emit: (write, _, { attributes }) => write.floats(attributes.shape, attributes.data),
  },

  negate: unary(
    'Neg',
    (x) => -x,
    (g) => negate(g),
  ),
  exp: unary('Exp', Math.exp, (g, _, y) => multiply(g, y)),
  log: unary('Log', Math.log, (g, x) => divide(g, x)),
  sqrt: unary('Sqrt', Math.sqrt, (g, _, y) => divide(g, multiply(scalar(2), y))),
  tanh: unary('Tanh', Math.tanh, (g, _, y) => multiply(g, subtract(scalar(1), multiply(y, y)))),
  sigmoid: unary(
    'Sigmoid',
    (x) => 1 / (1 + Math.exp(-x)),
    (g, _, y) => multiply(g, multiply(y, subtract(scalar(1), y))),
  ),
  relu: unary(
    'Relu',
    (x) => Math.max(x, 0),
    (g, _, y) => multiply(g, isPositive(y)),
  ),
  softplus: unary(
    'Softplus',
    (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    (g, x) => multiply(g, sigmoid(x)),
  ),
  isPositive: {
    ...unary(
      'Sign',
      (x) => (x > 0 ? 1 : 0),
      () => undefined,
    ),
    emit: (write, [x]) => write.node('Sign', [write.node('Relu', [x!])]),
  },

  add: binary(
    'Add',
    (x, y) => x + y,
    (g) => [g, g],
  ),
  subtract: binary(
    'Sub',
    (x, y) => x - y,
    (g) => [g, negate(g)],
  ),
  multiply: binary(
    'Mul',
    (x, y) => x * y,
    (g, x, y) => [multiply(g, y), multiply(g, x)],
  ),
  divide: binary(
    'Div',
    (x, y) => x / y,
    (g, x, y) => {
      const toX = divide(g, y);
      return [toX, negate(multiply(toX, divide(x, y)))];
    },
  ),
  maximum: binary('Max', Math.max, (g, x, y) => {
    const first = isPositive(subtract(x, y));
    return [multiply(g, first), multiply(g, subtract(scalar(1), first))];
  }),

  sum: {
    shape: ([x], { axes }) =>
      axes.every((axis) => axis in x!) ? x!.map((size, i) => (axes.includes(i) ? 1 : size)) : undefined,
    evaluate: ([x], { axes }) => array.reduce(x!, reduced(x!.shape, axes), 0, (sum, value) => sum + value),
    emit: (write, [x], { attributes }) => write.node('ReduceSum', [x!, write.integers(attributes.axes)]),
    differentiate: (g, { operands: [x] }) => [broadcast(g, x!.shape)],
  },
  logSumExp: {
    shape: ([x], { axis }) => (axis in x! ? reduced(x!, [axis]) : undefined),
    evaluate: ([x], { axis }) => {
      const shape = reduced(x!.shape, [axis]);
      const largest = array.reduce(x!, shape, Number.NEGATIVE_INFINITY, Math.max);
      const shifted = array.zip(x!, largest, (value, top) => Math.exp(value - top));
      const sum = array.reduce(shifted, shape, 0, (total, value) => total + value);
      return array.zip(sum, largest, (total, top) => Math.log(total) + top);
    },
    emit: (write, [x], { attributes }) => {
      const top = write.node('ReduceMax', [x!], { axes: [attributes.axis] });
      const exponentials = write.node('Exp', [write.node('Sub', [x!, top])]);
      const total = write.node('ReduceSum', [exponentials, write.integers([attributes.axis])]);
      return write.node('Add', [write.node('Log', [total]), top]);
    },
    differentiate: (g, expression) => [multiply(g, exp(subtract(expression.operands[0]!, expression)))],
  },
  matMul: {
    shape: ([a, b], { transposeLeft, transposeRight }) => {
      if (a!.length !== b!.length || a!.length < 2 || !a!.slice(0, -2).every((size, i) => size === b![i]))
        return undefined;
      const [m, n] = lastTwo(a!, transposeLeft);
      const [rows, p] = lastTwo(b!, transposeRight);
      return n === rows ? [...a!.slice(0, -2), m, p] : undefined;
    },
    evaluate: ([a, b], { transposeLeft, transposeRight }) =>
      array.matMul(transposeLeft ? swapped(a!) : a!, transposeRight ? swapped(b!) : b!),
    emit: (write, [a, b], { shape, attributes: { transposeLeft, transposeRight } }) => {
      if (shape.length === 2) {
        if (!transposeLeft && !transposeRight) return write.node('MatMul', [a!, b!]);
        return write.node('Gemm', [a!, b!], { transA: Number(transposeLeft), transB: Number(transposeRight) });
      }
      const swap = (x: string) => write.node('Transpose', [x], { perm: swapLast(shape.length) });
      return write.node('MatMul', [transposeLeft ? swap(a!) : a!, transposeRight ? swap(b!) : b!]);
    },
    differentiate: (g, { operands: [a, b], attributes: { transposeLeft, transposeRight } }) => [
      transposeLeft
        ? matMul(b!, g, { transposeLeft: transposeRight, transposeRight: true })
        : matMul(g, b!, { transposeRight: !transposeRight }),
      transposeRight
        ? matMul(g, a!, { transposeLeft: true, transposeRight: transposeLeft })
        : matMul(a!, g, { transposeLeft: !transposeLeft }),
    ],
  },

  broadcast: {
    shape: ([x], { shape }) => (array.broadcastShapes(x!, shape)?.join() === shape.join() ? shape : undefined),
    evaluate: ([x], { shape }) => array.broadcast(x!, shape),
    emit: (write, [x], { attributes }) => write.node('Expand', [x!, write.integers(attributes.shape)]),
    differentiate: (g) => [g],
  },
  reshape: {
    shape: ([x], { shape }) => fill(shape, x!),
    evaluate: ([x], { shape }) => ({ shape: fill(shape, x!.shape)!, data: x!.data }),
    emit: (write, [x], { attributes }) => write.node('Reshape', [x!, write.integers(attributes.shape)]),
    differentiate: (g, { operands: [x] }) => [reshape(g, x!.shape)],
  },
  transpose: {
    shape: ([x], { permutation }) =>
      permutation.length === x!.length && x!.every((_, axis) => permutation.includes(axis))
        ? permutation.map((axis) => x![axis]!)
        : undefined,
    evaluate: ([x], { permutation }) => array.transpose(x!, permutation),
    emit: (write, [x], { attributes }) => write.node('Transpose', [x!], { perm: attributes.permutation }),
    differentiate: (g, { attributes: { permutation } }) => [
      transpose(
        g,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ],
  },
  concatenate: {
    shape: (operands, { axis }) => {
      const [first] = operands;
      const fits = (x: Shape) => x.length === first!.length && x.every((size, i) => i === axis || size === first![i]);
      if (first === undefined || !(axis in first) || !operands.every(fits)) return undefined;
      return first.map((size, i) => (i === axis ? operands.reduce((sum, x) => sum + x[axis]!, 0) : size));
    },
    evaluate: (operands, { axis }) => array.concatenate(operands, axis),
    emit: (write, operands, { attributes }) => write.node('Concat', operands, { axis: attributes.axis }),
    differentiate: (g, { operands, attributes: { axis } }) => {
      let start = 0;
      return operands.map((operand) => {
        const end = start + operand.shape[axis]!;
        const part = slice(g, axis, start, end);
        start = end;
        return part;
      });
    },
  },
  slice: {
    shape: ([x], { axis, start, end }) =>
      axis in x! && 0 <= start && start < end && end <= x![axis]!
        ? x!.map((size, i) => (i === axis ? end - start : size))
        : undefined,
    evaluate: ([x], { axis, start, end }) => array.slice(x!, axis, start, end),
    emit: (write, [x], { attributes: { axis, start, end } }) =>
      write.node('Slice', [x!, write.integers([start]), write.integers([end]), write.integers([axis])]),
    differentiate: (g, { operands: [x], attributes: { axis, start, end } }) => {
      const zeros = (size: number) =>
        size === 0
          ? []
          : [
              filled(
                x!.shape.map((s, i) => (i === axis ? size : s)),
                0,
              ),
            ];
      return [concatenate([...zeros(start), g, ...zeros(x!.shape[axis]! - end)], axis)];
    },
  },

  scaleGradient: {
    shape: ([x]) => x,
    evaluate: ([x]) => x!,
    emit: (_, [x]) => x!,
    differentiate: (g, { attributes: { factor } }) => [factor === 0 ? undefined : multiply(g, scalar(factor))],
  },
  random: {
    shape: ([step], { shape }) => (sizeOf(step!) === 1 ? shape : undefined),
    evaluate: ([step], { shape, key }) => ({
      shape,
      data: Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
        counterRandom(BigInt(i), BigInt(step!.data[0]!), BigInt(key)),
      ),
    }),
    emit: (write, [step], { attributes: { shape, key } }) => emitCounterRandom(write, step!, shape, key),
    differentiate: () => [undefined],
  },
};

/** The entry of an expression's operator. */
export const operatorOf = <Name extends OperatorName>(expression: Expression<Name>): Operator<Name> =>
  OPERATORS[expression.operator];

/** A value from outside the graph: whoever walks the graph knows it and asks for nothing more. */
function source<Name extends 'input' | 'parameter' | 'constant'>(
  shape: (attributes: Attributes[Name]) => Shape,
): Operator<Name> {
  const unknown = () => {
    throw new ChiasmError('internal', 'an input or a parameter has no value of its own');
  };
  return { shape: (_, attributes) => shape(attributes), evaluate: unknown, emit: unknown, differentiate: () => [] };
}

/** Operators without attributes. */
type Plain = { [Name in OperatorName]: keyof Attributes[Name] extends never ? Name : never }[OperatorName];

function unary<Name extends Plain>(
  op: string,
  value: (x: number) => number,
  gradient: (g: Expression, x: Expression, result: Expression) => Expression | undefined,
): Operator<Name> {
  return {
    shape: ([x]) => x,
    evaluate: ([x]) => array.map(x!, value),
    emit: (write, [x]) => write.node(op, [x!]),
    differentiate: (g, expression) => [gradient(g, expression.operands[0]!, expression)],
  };
}

function binary<Name extends Plain>(
  op: string,
  value: (x: number, y: number) => number,
  gradients: (g: Expression, x: Expression, y: Expression) => readonly [Expression, Expression],
): Operator<Name> {
  return {
    shape: ([x, y]) => array.broadcastShapes(x!, y!),
    evaluate: ([x, y]) => array.zip(x!, y!, value),
    emit: (write, [x, y]) => write.node(op, [x!, y!]),
    differentiate: (g, { operands: [x, y] }) => gradients(g, x!, y!),
  };
}

const reduced = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

const swapLast = (rank: number): readonly number[] => [...Array(rank - 2).keys(), rank - 1, rank - 2];
const swapped = (a: array.Array64): array.Array64 => array.transpose(a, swapLast(a.shape.length));

function lastTwo(shape: Shape, transposed: boolean): readonly [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** The wanted shape with its one open axis worked out from what it is made of. */
function fill(wanted: Shape, from: Shape): Shape | undefined {
  const rest = sizeOf(wanted.filter((size) => size !== OPEN));
  if (!wanted.includes(OPEN) || from.includes(OPEN))
    return Math.abs(sizeOf(wanted)) === Math.abs(sizeOf(from)) ? wanted : undefined;
  const size = sizeOf(from) / rest;
  return Number.isInteger(size) ? wanted.map((old) => (old === OPEN ? size : old)) : undefined;
}

/** @throws ChiasmError `internal` with the shapes that do not fit: a graph is written by us, not by a user */
function apply<Name extends OperatorName>(
  operator: Name,
  operands: readonly Expression[],
  attributes: Attributes[Name],
): Expression<Name> {
  const shapes = operands.map((operand) => operand.shape);
  const shape = OPERATORS[operator].shape(shapes, attributes);
  if (shape !== undefined) return { operator, operands, attributes, shape };
  const given = `${shapes.map((s) => `[${s}]`).join(' and ')} and ${JSON.stringify(attributes)}`;
  throw new ChiasmError('internal', `${operator} does not fit shapes ${given}`);
}

/** A number or an expression, where either is understood. */
export type Operand = Expression | number;
const toExpression = (operand: Operand): Expression => (typeof operand === 'number' ? scalar(operand) : operand);

export const input = (name: string, shape: Shape, scope: 'step' | 'run' = 'step'): Expression<'input'> =>
  apply('input', [], { name, shape, scope });
export const parameter = (name: string, shape: Shape, initial: Float32Array): Expression<'parameter'> =>
  apply('parameter', [], { name, shape, initial });
export const constant = (shape: Shape, data: Float32Array): Expression => apply('constant', [], { shape, data });
export const scalar = (value: number): Expression => constant([], Float32Array.of(value));
/** All elements the same. */
export const filled = (shape: Shape, value: number): Expression =>
  constant(shape, new Float32Array(sizeOf(shape)).fill(value));

export const negate = (x: Expression): Expression => apply('negate', [x], {});
export const exp = (x: Expression): Expression => apply('exp', [x], {});
export const log = (x: Expression): Expression => apply('log', [x], {});
export const sqrt = (x: Expression): Expression => apply('sqrt', [x], {});
export const tanh = (x: Expression): Expression => apply('tanh', [x], {});
export const sigmoid = (x: Expression): Expression => apply('sigmoid', [x], {});
export const relu = (x: Expression): Expression => apply('relu', [x], {});
export const softplus = (x: Expression): Expression => apply('softplus', [x], {});
export const isPositive = (x: Expression): Expression => apply('isPositive', [x], {});

export const add = (x: Operand, y: Operand): Expression => apply('add', [toExpression(x), toExpression(y)], {});
export const subtract = (x: Operand, y: Operand): Expression =>
  apply('subtract', [toExpression(x), toExpression(y)], {});
export const multiply = (x: Operand, y: Operand): Expression =>
  apply('multiply', [toExpression(x), toExpression(y)], {});
export const divide = (x: Operand, y: Operand): Expression => apply('divide', [toExpression(x), toExpression(y)], {});
export const maximum = (x: Operand, y: Operand): Expression => apply('maximum', [toExpression(x), toExpression(y)], {});

/** @param axes all of them when left out */
export const sum = (x: Expression, axes: readonly number[] = [...x.shape.keys()]): Expression =>
  apply('sum', [x], { axes });
export const logSumExp = (x: Expression, axis: number): Expression => apply('logSumExp', [x], { axis });
export const matMul = (
  left: Expression,
  right: Expression,
  { transposeLeft = false, transposeRight = false } = {},
): Expression => apply('matMul', [left, right], { transposeLeft, transposeRight });

export const broadcast = (x: Expression, shape: Shape): Expression => apply('broadcast', [x], { shape });
export const reshape = (x: Expression, shape: Shape): Expression => apply('reshape', [x], { shape });
export const transpose = (x: Expression, permutation: readonly number[]): Expression =>
  apply('transpose', [x], { permutation });
export const concatenate = (parts: readonly Expression[], axis: number): Expression =>
  parts.length === 1 ? parts[0]! : apply('concatenate', parts, { axis });
export const slice = (x: Expression, axis: number, start: number, end: number): Expression =>
  apply('slice', [x], { axis, start, end });

export const scaleGradient = (x: Expression, factor: number): Expression => apply('scaleGradient', [x], { factor });
/** A value that training does not move. */
export const stopGradient = (x: Expression): Expression => scaleGradient(x, 0);
/** @param step a scalar: the same step gives the same numbers @param key a whole number below 2^31: one for each use */
export const random = (step: Expression, shape: Shape, key: number): Expression =>
  apply('random', [step], { shape, key });
