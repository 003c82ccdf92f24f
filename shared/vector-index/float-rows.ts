/** A growing row-major matrix of float32 in the memory of the vector kernels. */

import { ChiasmError } from '#shared/core/errors.ts';
import { createVectorKernels, KERNEL_WIDTH } from './vector-kernels.ts';
import type { VectorRows } from './vector-rows.ts';

export interface FloatRows extends VectorRows {
  readonly rows: number;
  /** Adds a row [D]; returns its number. */
  add(vector: Float32Array): number;
  /** dot(query, row) of every row, [rows]. */
  products(query: Float32Array): Float32Array;
}

const FIRST_ROWS = 64;
const PAGE_BYTES = 65_536;
/** Of single precision, sums of products of normalised vectors in another order: generous. */
const ROUNDING = 1e-5;

/** `capacity` rows need no growing. */
export function createFloatRows(dimensions: number, capacity = FIRST_ROWS): FloatRows {
  const width = Math.ceil(dimensions / KERNEL_WIDTH) * KERNEL_WIDTH;
  const rowBytes = width * 4;
  const size = { rows: 0, capacity };
  // query | products [capacity] | matrix [capacity, width]: growing moves the matrix
  const matrixAt = () => rowBytes + size.capacity * 4;
  const needed = () => matrixAt() + size.capacity * rowBytes;
  const { kernels, memory } = createVectorKernels(needed());

  const grow = () => {
    const before = matrixAt();
    size.capacity *= 2;
    const missing = needed() - memory.buffer.byteLength;
    try {
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    } catch (cause) {
      throw new ChiasmError('internal', `no memory for ${size.capacity} rows of ${dimensions} numbers`, { cause });
    }
    new Uint8Array(memory.buffer).copyWithin(matrixAt(), before, before + size.rows * rowBytes);
    new Uint8Array(memory.buffer).fill(0, before, matrixAt());
  };

  const products = (query: Float32Array) => {
    new Float32Array(memory.buffer, 0, width).fill(0, dimensions).set(query);
    kernels.dotRows(matrixAt(), size.rows, width, 0, rowBytes);
    return new Float32Array(memory.buffer, rowBytes, size.rows).slice();
  };

  return {
    dimensions,
    get rows() {
      return size.rows;
    },
    add: (vector) => {
      if (size.rows === size.capacity) grow();
      new Float32Array(memory.buffer, matrixAt() + size.rows * rowBytes, dimensions).set(vector);
      return size.rows++;
    },
    products,
    estimate: (query, rows) => {
      const all = products(query);
      const scores = Float32Array.from(rows, (row) => all[row]!);
      return { scores, greatestError: ROUNDING, likelyError: ROUNDING };
    },
    read: (row, target) => target.set(new Float32Array(memory.buffer, matrixAt() + row * rowBytes, dimensions)),
  };
}
