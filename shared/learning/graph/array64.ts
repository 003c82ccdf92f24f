/** Float64 arrays with a shape and the loops that `operators.ts` evaluates with: the oracle's arithmetic, plain and slow. */

import { type Shape, sizeOf } from './expression.ts';

/** Row-major. */
export interface Array64 {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** The shape of an elementwise result; undefined when the operands do not fit (ONNX: multidirectional broadcasting). */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** For each element of `shape`, where the element of an array of shape `from` lies that is broadcast to it. */
function sourceIndices(from: Shape, shape: Shape): Int32Array {
  const lead = shape.length - from.length;
  const steps = shape.map((_, axis) => {
    const size = axis < lead ? 1 : from[axis - lead]!;
    return size === 1 ? 0 : sizeOf(from.slice(axis - lead + 1));
  });
  return indicesBy(shape, steps);
}

/** Offsets of an array walked in the order of `shape` with the given step for each axis. */
function indicesBy(shape: Shape, steps: readonly number[]): Int32Array {
  let indices = Int32Array.of(0);
  shape.forEach((size, axis) => {
    const next = new Int32Array(indices.length * size);
    for (let i = 0; i < indices.length; i++) {
      for (let j = 0; j < size; j++) next[i * size + j] = indices[i]! + j * steps[axis]!;
    }
    indices = next;
  });
  return indices;
}

export const map = ({ shape, data }: Array64, f: (x: number) => number): Array64 => ({ shape, data: data.map(f) });

export function zip(a: Array64, b: Array64, f: (x: number, y: number) => number): Array64 {
  const shape = broadcastShapes(a.shape, b.shape)!;
  const x = sourceIndices(a.shape, shape);
  const y = sourceIndices(b.shape, shape);
  return { shape, data: Float64Array.from(x, (index, i) => f(a.data[index]!, b.data[y[i]!]!)) };
}

export function broadcast(a: Array64, shape: Shape): Array64 {
  return { shape, data: Float64Array.from(sourceIndices(a.shape, shape), (index) => a.data[index]!) };
}

/** Folds `a` into an array of `shape`, whose axes of size 1 are reduced. */
export function reduce(a: Array64, shape: Shape, start: number, f: (sum: number, x: number) => number): Array64 {
  const data = new Float64Array(sizeOf(shape)).fill(start);
  sourceIndices(shape, a.shape).forEach((target, i) => {
    data[target] = f(data[target]!, a.data[i]!);
  });
  return { shape, data };
}

export function transpose(a: Array64, permutation: readonly number[]): Array64 {
  const shape = permutation.map((axis) => a.shape[axis]!);
  const steps = permutation.map((axis) => sizeOf(a.shape.slice(axis + 1)));
  return { shape, data: Float64Array.from(indicesBy(shape, steps), (index) => a.data[index]!) };
}

/** The part of one axis from `start` to before `end`. */
export function slice(a: Array64, axis: number, start: number, end: number): Array64 {
  const shape = a.shape.map((size, i) => (i === axis ? end - start : size));
  const steps = a.shape.map((_, i) => sizeOf(a.shape.slice(i + 1)));
  const offset = start * steps[axis]!;
  return { shape, data: Float64Array.from(indicesBy(shape, steps), (index) => a.data[index + offset]!) };
}

export function concatenate(arrays: readonly Array64[], axis: number): Array64 {
  const first = arrays[0]!;
  const shape = first.shape.map((size, i) =>
    i === axis ? arrays.reduce((sum, array) => sum + array.shape[axis]!, 0) : size,
  );
  const data = new Float64Array(sizeOf(shape));
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  let offset = 0;
  for (const array of arrays) {
    const run = array.shape[axis]! * inner;
    for (let i = 0; i < outer; i++) {
      data.set(array.data.subarray(i * run, (i + 1) * run), i * shape[axis]! * inner + offset);
    }
    offset += run;
  }
  return { shape, data };
}

/** Products of matrices [..., m, n] and [..., n, p] with equal leading axes. */
export function matMul(a: Array64, b: Array64): Array64 {
  const [m, n] = a.shape.slice(-2) as [number, number];
  const p = b.shape.at(-1)!;
  const matrices = sizeOf(a.shape.slice(0, -2));
  const data = new Float64Array(matrices * m * p);
  for (let row = 0; row < matrices * m; row++) {
    const right = Math.floor(row / m) * n * p;
    for (let k = 0; k < n; k++) {
      const factor = a.data[row * n + k]!;
      for (let column = 0; column < p; column++) data[row * p + column]! += factor * b.data[right + k * p + column]!;
    }
  }
  return { shape: [...a.shape.slice(0, -1), p], data };
}
