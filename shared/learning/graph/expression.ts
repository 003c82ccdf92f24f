/**
 * A computation as data: an immutable graph of expressions over float arrays. `operators.ts` says what each operator
 * means; `differentiate.ts`, `evaluate.ts` and `emit-onnx.ts` walk the graph.
 */

/** Sizes of the axes. `OPEN` stands for a batch whose size is not known until the model runs. */
export type Shape = readonly number[];

/** An axis of any size; only in graphs that are exported, never in ones that are differentiated. */
export const OPEN = -1;

type None = Readonly<Record<never, never>>;

/** Every operator with what it needs beside its operands. The table in `operators.ts` has one entry for each key. */
export interface Attributes {
  /** Given from outside: anew at each `step`, or the same for all steps of one `run`. */
  input: { readonly name: string; readonly shape: Shape; readonly scope: 'step' | 'run' };
  /** A value that outlives a step and that an assignment may change. */
  parameter: { readonly name: string; readonly shape: Shape; readonly initial: Float32Array };
  constant: { readonly shape: Shape; readonly data: Float32Array };

  negate: None;
  exp: None;
  log: None;
  sqrt: None;
  tanh: None;
  sigmoid: None;
  relu: None;
  /** log(1 + exp x) */
  softplus: None;
  /** 1 where x > 0, else 0; its derivative is 0. */
  isPositive: None;

  add: None;
  subtract: None;
  multiply: None;
  divide: None;
  maximum: None;

  /** Summed axes stay, with size 1. */
  sum: { readonly axes: readonly number[] };
  /** log sum exp over one axis, which stays with size 1. */
  logSumExp: { readonly axis: number };
  /** Products of the matrices in the last two axes. */
  matMul: { readonly transposeLeft: boolean; readonly transposeRight: boolean };

  broadcast: { readonly shape: Shape };
  reshape: { readonly shape: Shape };
  transpose: { readonly permutation: readonly number[] };
  concatenate: { readonly axis: number };
  slice: { readonly axis: number; readonly start: number; readonly end: number };

  /** The operand itself; its gradient is multiplied by `factor`: 0 stops it, -1 turns it round. */
  scaleGradient: { readonly factor: number };
  /** Uniform numbers in [0, 1) that depend only on `key`, the number that the operand holds, and the position. */
  random: { readonly shape: Shape; readonly key: number };
}

export type OperatorName = keyof Attributes;

export interface Expression<Name extends OperatorName = OperatorName> {
  readonly operator: Name;
  readonly operands: readonly Expression[];
  readonly attributes: Attributes[Name];
  readonly shape: Shape;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

export const isParameter = (expression: Expression): expression is Expression<'parameter'> =>
  expression.operator === 'parameter';

export const isInput = (expression: Expression): expression is Expression<'input'> => expression.operator === 'input';

/** All that the roots depend on, each once, operands before what uses them. */
export function inOrder(roots: readonly Expression[]): readonly Expression[] {
  const done = new Set<Expression>();
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const expression = stack.at(-1)!;
    const waiting = done.has(expression) ? [] : expression.operands.filter((operand) => !done.has(operand));
    if (waiting.length > 0) {
      stack.push(...waiting.reverse());
    } else {
      done.add(expression);
      stack.pop();
    }
  }
  return [...done];
}
