/** Pairs of vectors of two spaces: row i of either matrix belongs to the same thing. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Random } from '#shared/core/random.ts';
import type { Matrix } from './matrix.ts';

export interface Pairs {
  /** [N, D1] */
  readonly from: Float32Array;
  /** [N, D2] */
  readonly to: Float32Array;
  readonly fromDimensions: number;
  readonly toDimensions: number;
}

export const pairCount = ({ from, fromDimensions }: Pairs): number => from.length / fromDimensions;

/** Fewer cannot be learned from and measured on. */
const FEWEST_PAIRS = 20;

/** @throws ChiasmError `invalid_request` for what cannot be learned from, with the first row at fault */
export function checkPairs(pairs: Pairs): void {
  const refuse = (path: string, message: string) =>
    new ChiasmError('invalid_request', message, { issues: [{ path, message }] });
  const rows = { from: pairs.from.length / pairs.fromDimensions, to: pairs.to.length / pairs.toDimensions };
  if (rows.from !== rows.to || !Number.isInteger(rows.from)) {
    throw refuse('/', `expected as many vectors of either space; got ${rows.from} and ${rows.to}`);
  }
  if (rows.from < FEWEST_PAIRS) {
    throw refuse('/', `expected at least ${FEWEST_PAIRS} pairs to learn an alignment from; got ${rows.from}`);
  }
  for (const side of ['from', 'to'] as const) {
    const data = pairs[side];
    const dimensions = side === 'from' ? pairs.fromDimensions : pairs.toDimensions;
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const row = Math.floor(bad / dimensions);
      throw refuse(`/${row}/${side}`, `expected finite numbers; pair ${row} has ${data[bad]} in "${side}"`);
    }
    if (data.every((value, i) => value === data[i % dimensions])) {
      throw refuse(`/0/${side}`, `all vectors of "${side}" are the same; there is nothing to align`);
    }
  }
}

/** The pairs of the given rows, in this order. */
export function takePairs(pairs: Pairs, rows: ArrayLike<number>): Pairs {
  return {
    ...pairs,
    from: takeRows(pairs.from, pairs.fromDimensions, rows),
    to: takeRows(pairs.to, pairs.toDimensions, rows),
  };
}

export function takeRows(matrix: Float32Array, dimensions: number, rows: ArrayLike<number>): Float32Array {
  const taken = new Float32Array(rows.length * dimensions);
  for (let i = 0; i < rows.length; i++) {
    taken.set(matrix.subarray(rows[i]! * dimensions, (rows[i]! + 1) * dimensions), i * dimensions);
  }
  return taken;
}

export interface SplitPairs {
  readonly training: Pairs;
  /** Decides which state of a training is kept. */
  readonly validation: Pairs;
  /** Seen only by the metrics. */
  readonly heldOut: Pairs;
}

const HELD_OUT_SHARE = 0.1;
const VALIDATION_SHARE = 0.1;
const LARGEST_PART = 2_000;

/** @param heldOut pairs for the metrics, if they are chosen already */
export function splitPairs(
  pairs: Pairs,
  numbers: Random,
  heldOut?: Pairs,
  validationShare = VALIDATION_SHARE,
): SplitPairs {
  const order = numbers.permutation(pairCount(pairs));
  const sizeOf = (share: number) =>
    share === 0 ? 0 : Math.min(LARGEST_PART, Math.max(2, Math.round(order.length * share)));
  const tested = heldOut === undefined ? sizeOf(HELD_OUT_SHARE) : 0;
  const size = sizeOf(validationShare);
  return {
    heldOut: heldOut ?? takePairs(pairs, order.subarray(0, tested)),
    validation: takePairs(pairs, order.subarray(tested, tested + size)),
    training: takePairs(pairs, order.subarray(tested + size)),
  };
}

/** (x - mean) / scale: centred, mean variance 1. */
export interface Standardisation {
  readonly mean: Float32Array;
  readonly scale: number;
}

export function standardisation(matrix: Float32Array, dimensions: number): Standardisation {
  const rows = matrix.length / dimensions;
  const sums = new Float64Array(dimensions);
  matrix.forEach((value, i) => {
    sums[i % dimensions]! += value;
  });
  const mean = Float32Array.from(sums, (total) => total / rows);
  const squares = matrix.reduce((total, value, i) => total + (value - mean[i % dimensions]!) ** 2, 0);
  return { mean, scale: Math.sqrt(squares / matrix.length) };
}

export const toMatrix = (data: Float32Array, columns: number): Matrix => ({
  rows: data.length / columns,
  columns,
  data: Float64Array.from(data),
});
