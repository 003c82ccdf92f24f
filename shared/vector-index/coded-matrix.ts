/**
 * Rows of numbers as codes of one byte, compared with a query in the memory of the vector kernels. A row x is held as codes
 * of x - c, with c the mean of the first rows:
 *   x ~ c + s code,  s = max |x - c| / 127
 */

import { ChiasmError } from '#shared/core/errors.ts';
import { dot } from '#shared/core/vector.ts';
import { CODES_TAIL, createVectorKernels, KERNEL_WIDTH } from './vector-kernels.ts';

export interface CodedMatrix {
  /** Codes the rows of a matrix [n, D] as rows `first` and following. The mean of those that come first is c. */
  code(first: number, vectors: Float32Array): void;
  /** Sets what rows are compared with, [D]. */
  setQuery(query: Float32Array): CodedQuery;
  /** Numbers of rows to compare; written by the caller. */
  readonly wanted: Int32Array;
  /** Writes estimates of dot(query, x - c) of the first `count` wanted rows to `scores`. */
  compare(count: number): void;
  readonly scores: Float32Array;
}

export interface CodedQuery {
  /** dot(query, c). */
  readonly offset: number;
  /** No estimate is farther from the true product, for rows of length one. */
  readonly greatestError: number;
  /** Hardly any is. */
  readonly likelyError: number;
}

const GREATEST_CODE = 127;
/** Twelve bits with the sign: sums of 4,096 products fit 32 bits in the kernel's four lanes. */
const GREATEST_QUERY = 2047;
/** Of the row that is coded worst; of the others it is some more: 20,000 errors of a query stayed within three. */
const LIKELY_DEVIATIONS = 4;
/** Of sums in single precision. */
const ROUNDING = 1e-5;
/** At scattered places, and together no more than the nearest caches hold. */
const FEW_ROWS = 256;
const GREATEST_MEMORY_BYTES = 2 ** 32 - 2 ** 16;

/** `wanted` rows can be compared at a time. */
export function createCodedMatrix(rows: number, dimensions: number, wanted: number): CodedMatrix {
  const width = Math.ceil(dimensions / KERNEL_WIDTH) * KERNEL_WIDTH;
  const rowBytes = width + CODES_TAIL;
  const at = { query: 0, wanted: width * 2, scores: width * 2 + wanted * 4, codes: width * 2 + wanted * 8 };
  const bytes = at.codes + rows * rowBytes;
  if (bytes > GREATEST_MEMORY_BYTES) {
    throw new ChiasmError(
      'too_large',
      `${rows} vectors of ${dimensions} numbers are more than one embedded index holds (4 GiB of codes); use S3 Vectors`,
    );
  }
  const { kernels, memory } = createVectorKernels(bytes);
  const codes = new Int8Array(memory.buffer, at.codes, rows * rowBytes);
  const floats = new Float32Array(memory.buffer);
  const queryCodes = new Int16Array(memory.buffer, at.query, width);
  let queryScale = 1;
  let centre: Float32Array | undefined;
  let greatestResidual = 0;

  const codeRow = (row: number, vectors: Float32Array, from: number, c: Float32Array) => {
    let greatest = 0;
    for (let d = 0; d < dimensions; d++) {
      const value = Math.abs(vectors[from + d]! - c[d]!);
      if (value > greatest) greatest = value;
    }
    const scale = greatest / GREATEST_CODE;
    const inverse = scale === 0 ? 0 : 1 / scale;
    let residual = 0;
    for (let d = 0; d < dimensions; d++) {
      const value = (vectors[from + d]! - c[d]!) * inverse;
      const rounded = Math.round(value);
      codes[row * rowBytes + d] = rounded;
      residual += (value - rounded) ** 2;
    }
    floats[(at.codes + row * rowBytes + width) / 4] = scale;
    greatestResidual = Math.max(greatestResidual, Math.sqrt(residual) * scale);
  };

  return {
    wanted: new Int32Array(memory.buffer, at.wanted, wanted),
    scores: new Float32Array(memory.buffer, at.scores, wanted),
    code: (first, vectors) => {
      centre ??= meanRow(vectors, dimensions);
      for (let i = 0; i * dimensions < vectors.length; i++) codeRow(first + i, vectors, i * dimensions, centre);
    },
    /**
     * |q x - estimate| <= |q| |x - coded x| + |q - coded q| |coded x - c|, and |coded x - c| is at most 2 for unit vectors.
     * The product of two vectors of random directions has a standard deviation of their lengths' product / sqrt(D).
     */
    setQuery: (query) => {
      let greatest = 0;
      for (let d = 0; d < dimensions; d++) greatest = Math.max(greatest, Math.abs(query[d]!));
      queryScale = greatest / GREATEST_QUERY || 1;
      let residual = 0;
      for (let d = 0; d < dimensions; d++) {
        const value = query[d]! / queryScale;
        queryCodes[d] = Math.round(value);
        residual += (value - queryCodes[d]!) ** 2;
      }
      const error = greatestResidual * Math.sqrt(dot(query, query)) + 2 * Math.sqrt(residual) * queryScale;
      const greatestError = error + ROUNDING;
      return {
        offset: centre === undefined ? 0 : dot(query, centre),
        greatestError,
        likelyError: Math.min(greatestError, (LIKELY_DEVIATIONS * error) / Math.sqrt(dimensions) + ROUNDING),
      };
    },
    compare: (count) => {
      if (count <= FEW_ROWS) kernels.touchCodes(at.wanted, count, at.codes, width);
      kernels.scanCodes(at.wanted, count, at.codes, width, at.query, queryScale, at.scores);
    },
  };
}

/** Mean of the rows of a matrix [N, D]. */
function meanRow(matrix: Float32Array, dimensions: number): Float32Array {
  const mean = new Float32Array(dimensions);
  const rows = matrix.length / dimensions;
  for (let i = 0; i < matrix.length; i++) mean[i % dimensions]! += matrix[i]! / rows;
  return mean;
}
