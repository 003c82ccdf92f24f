/** Canonical correlation analysis in closed form (Hotelling 1936; regularised as by Vinod 1976). */

import { type Matrix, product, symmetricEigen, transposed, transposedProduct } from './matrix.ts';

/** z = (x - mean) weights: uncorrelated coordinates of variance 1, the best correlated first. */
export interface Projection {
  readonly mean: Float64Array;
  /** [D, d] */
  readonly weights: Matrix;
}

export interface CanonicalCorrelations {
  /** Of the training pairs, with regularisation; largest first, [d]. */
  readonly correlations: Float64Array;
  readonly from: Projection;
  readonly to: Projection;
}

/** Correlations below this are rounding; their directions mean nothing. */
const SMALLEST_CORRELATION = 1e-6;
/** Directions whose variance is smaller than this share of the largest are constant up to rounding (of float32 input). */
const SMALLEST_VARIANCE = 1e-10;

/**
 * max corr(x a, y b): S11^(-1/2) S12 S22^(-1/2) = U D V', a = S11^(-1/2) U, b = S22^(-1/2) V.
 * @param x [N, D1] @param y [N, D2] @param dimensions at most; fewer where the data have fewer
 * @param regularisation share of the mean variance that is added to each variance
 */
export function linearCca(x: Matrix, y: Matrix, dimensions: number, regularisation: number): CanonicalCorrelations {
  const [centredX, meanX] = centred(x);
  const [centredY, meanY] = centred(y);
  const whiteX = whitening(centredX, regularisation);
  const whiteY = whitening(centredY, regularisation);
  const cross = scaled(transposedProduct(centredX, centredY), 1 / (x.rows - 1));
  const t = product(transposedProduct(whiteX, cross), whiteY);
  // the right singular vectors are the eigenvectors of T'T; the left ones T v / d
  const { values, vectors } = symmetricEigen(transposedProduct(t, t));
  const correlations = values.map((value) => Math.sqrt(Math.max(value, 0)));
  const kept = correlations.subarray(0, dimensions).filter((value) => value > SMALLEST_CORRELATION);
  const right = transposed(head(vectors, kept.length));
  const left = product(t, right);
  for (let i = 0; i < left.data.length; i++) left.data[i]! /= kept[i % kept.length]!;
  return {
    correlations: kept,
    from: { mean: meanX, weights: product(whiteX, left) },
    to: { mean: meanY, weights: product(whiteY, right) },
  };
}

/** W with W' S W = I, where S is the covariance of the rows: [D, rank]. */
export function whitening(rows: Matrix, regularisation: number): Matrix {
  const size = rows.columns;
  const covariance = scaled(transposedProduct(rows, rows), 1 / (rows.rows - 1));
  let trace = 0;
  for (let i = 0; i < size; i++) trace += covariance.data[i * size + i]!;
  for (let i = 0; i < size; i++) covariance.data[i * size + i]! += (regularisation * trace) / size;
  const { values, vectors } = symmetricEigen(covariance);
  const rank = values.filter((value) => value > values[0]! * SMALLEST_VARIANCE).length;
  const result = transposed(head(vectors, rank));
  for (let i = 0; i < result.data.length; i++) result.data[i]! /= Math.sqrt(values[i % rank]!);
  return result;
}

export function centred(rows: Matrix): readonly [Matrix, Float64Array] {
  const mean = new Float64Array(rows.columns);
  rows.data.forEach((value, i) => {
    mean[i % rows.columns]! += value / rows.rows;
  });
  return [{ ...rows, data: rows.data.map((value, i) => value - mean[i % rows.columns]!) }, mean];
}

/** The coordinates of rows [N, D]: [N, d]. */
export function project(rows: Matrix, { mean, weights }: Projection): Matrix {
  return product({ ...rows, data: rows.data.map((value, i) => value - mean[i % rows.columns]!) }, weights);
}

/** Pearson's correlation of column i of either matrix, for each i. */
export function columnCorrelations(x: Matrix, y: Matrix): Float64Array {
  const [a] = centred(x);
  const [b] = centred(y);
  return Float64Array.from({ length: x.columns }, (_, column) => {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = column; i < a.data.length; i += x.columns) {
      ab += a.data[i]! * b.data[i]!;
      aa += a.data[i]! ** 2;
      bb += b.data[i]! ** 2;
    }
    return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
  });
}

const scaled = (matrix: Matrix, factor: number): Matrix => ({ ...matrix, data: matrix.data.map((x) => x * factor) });
const head = ({ columns, data }: Matrix, rows: number): Matrix => ({
  rows,
  columns,
  data: data.slice(0, rows * columns),
});
