/**
 * Rows of numbers as codes of one byte, compared with a query in the memory of the vector kernels. A row x is held as codes
 * of x - c, with c the mean of the first rows:
 *   x ~ c + s code,  s = max |x - c| / 127
 */

import { ChiasmError } from '#shared/core/errors.ts';
import { dot, row as rowOf } from '#shared/core/vector.ts';
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

/** Twelve bits with the sign: sums of 4,096 products fit 32 bits in the kernel's four lanes. */
const GREATEST_QUERY = 2047;
/** Of the mean square over rows; of 400,000 estimates (100,000 made-up vectors of 512 numbers) one in 2,000 was off by more. */
const LIKELY_DEVIATIONS = 4;
/** Of sums in single precision. */
const ROUNDING = 1e-5;
/** Rows at scattered places that are fetched side by side before they are compared: the nearest cache holds them. */
const FETCHED_ROWS = 32;
/** Rows that are coded at a time, which the nearest caches hold. */
const STAGED_ROWS = 128;
const GREATEST_MEMORY_BYTES = 2 ** 32 - 2 ** 16;

/** `wanted` rows can be compared at a time. */
export function createCodedMatrix(rows: number, dimensions: number, wanted: number): CodedMatrix {
  const width = Math.ceil(dimensions / KERNEL_WIDTH) * KERNEL_WIDTH;
  const rowBytes = width + CODES_TAIL;
  const floats = width * 4;
  const [query, centreAt, stagedAt] = [0, width * 2, width * 2 + floats];
  const wantedAt = stagedAt + STAGED_ROWS * floats;
  const scoresAt = wantedAt + wanted * 4;
  const at = {
    query,
    centre: centreAt,
    staged: stagedAt,
    wanted: wantedAt,
    scores: scoresAt,
    codes: scoresAt + wanted * 4,
  };
  const bytes = at.codes + rows * rowBytes;
  if (bytes > GREATEST_MEMORY_BYTES) {
    throw new ChiasmError(
      'too_large',
      `${rows} vectors of ${dimensions} numbers are more than one embedded index holds (4 GiB of codes); use S3 Vectors`,
    );
  }
  const { kernels, memory } = createVectorKernels(bytes);
  const queryCodes = new Int16Array(memory.buffer, at.query, width);
  const wantedRows = new Int32Array(memory.buffer, at.wanted, wanted);
  const centre = new Float32Array(memory.buffer, at.centre, width);
  const staged = new Float32Array(memory.buffer, at.staged, STAGED_ROWS * width);
  let queryScale = 1;
  let isCentred = false;
  let codedRows = 0;
  /** Of |x - coded x|^2: the greatest and the sum. */
  let greatestResidual = 0;
  let residuals = 0;

  return {
    wanted: wantedRows,
    scores: new Float32Array(memory.buffer, at.scores, wanted),
    code: (first, vectors) => {
      if (!isCentred) centre.set(meanRow(vectors, dimensions));
      isCentred = true;
      const count = vectors.length / dimensions;
      for (let from = 0; from < count; from += STAGED_ROWS) {
        const rows = Math.min(STAGED_ROWS, count - from);
        const matrix = vectors.subarray(from * dimensions, (from + rows) * dimensions);
        if (width === dimensions) staged.set(matrix);
        else for (let i = 0; i < rows; i++) staged.set(rowOf(matrix, dimensions, i), i * width);
        const codes = at.codes + (first + from) * rowBytes;
        const [greatest, sum] = kernels.codeRows(at.staged, rows, width, at.centre, codes);
        greatestResidual = Math.max(greatestResidual, greatest);
        residuals += sum;
      }
      codedRows += count;
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
        const code = Math.round(value);
        queryCodes[d] = code;
        residual += (value - code) * (value - code);
      }
      const length = Math.sqrt(dot(query, query));
      const queryError = 2 * Math.sqrt(residual) * queryScale;
      const greatestError = Math.sqrt(greatestResidual) * length + queryError + ROUNDING;
      const meanError = Math.sqrt(residuals / Math.max(1, codedRows)) * length + queryError;
      return {
        offset: dot(query, centre, dimensions),
        greatestError,
        likelyError: Math.min(greatestError, (LIKELY_DEVIATIONS * meanError) / Math.sqrt(dimensions) + ROUNDING),
      };
    },
    compare: (count) => {
      for (let i = 0; i < count; i += FETCHED_ROWS) {
        const some = Math.min(FETCHED_ROWS, count - i);
        const isOneRun = wantedRows[i + some - 1]! - wantedRows[i]! === some - 1; // what lies side by side comes by itself
        if (!isOneRun) kernels.touchCodes(at.wanted + i * 4, some, at.codes, width);
        kernels.scanCodes(at.wanted + i * 4, some, at.codes, width, at.query, queryScale, at.scores + i * 4);
      }
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
