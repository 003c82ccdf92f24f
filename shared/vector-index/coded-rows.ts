/**
 * The vectors of a generation: one byte a number in memory for estimates, the full vectors in their file, of which a search
 * reads only the few rows that it needs. A row x is held as codes of x - c, with c the mean of the first rows:
 *   x ~ c + s code,  s = max |x - c| / 127
 */

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ChiasmError } from '#shared/core/errors.ts';
import { dot } from '#shared/core/vector.ts';
import { checkFile, type ExpectedFile } from './generation-files.ts';
import { createVectorKernels, KERNEL_WIDTH } from './vector-kernels.ts';
import type { VectorRows } from './vector-rows.ts';

export interface CodedRows extends VectorRows {
  close(): Promise<void>;
}

const CHUNK_BYTES = 2 * 1024 * 1024; // about 5 ms of hashing and coding between two turns of the event loop
const SCAN_ROWS = 16_384;
const GREATEST_CODE = 127;
/** Twelve bits with the sign: sums of 4,096 products fit 32 bits in the kernel's four lanes. */
const GREATEST_QUERY = 2047;
/** Of the row that is coded worst; of the others it is some more: 20,000 errors of a query stayed within three. */
const LIKELY_DEVIATIONS = 4;
/** Of sums in single precision. */
const ROUNDING = 1e-5;
const GREATEST_MEMORY_BYTES = 2 ** 32 - 2 ** 16;

/**
 * Reads and codes the whole file, which must be the expected one, and keeps it open. The bytes served later are those of
 * the open file, whatever happens to its name.
 * @throws ChiasmError `state_corrupt` when the file is not the expected one
 */
export async function openCodedRows(
  path: string,
  expected: ExpectedFile,
  name: string,
  dimensions: number,
): Promise<CodedRows> {
  const rows = expected.sizeBytes / (dimensions * 4);
  const coded = createCodes(rows, dimensions);
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== expected.sizeBytes) checkFile({ sizeBytes: size, digest: 'not computed' }, expected, name);
    const digest = await codeFile(file, rows, dimensions, coded.code);
    checkFile({ sizeBytes: size, digest }, expected, name);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    dimensions,
    estimate: coded.estimate,
    read: (row, target) => {
      const read = readSync(file.fd, target, 0, target.byteLength, row * target.byteLength);
      if (read === target.byteLength) return;
      throw new ChiasmError('state_corrupt', `${name} became shorter while it was open; restore it`);
    },
    close: () => file.close(),
  };
}

async function codeFile(
  file: FileHandle,
  rows: number,
  dimensions: number,
  code: (first: number, vectors: Float32Array) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const rowBytes = dimensions * 4;
  const chunkRows = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  const chunk = new Float32Array(chunkRows * dimensions);
  for (let first = 0; first < rows; first += chunkRows) {
    const bytes = new Uint8Array(chunk.buffer, 0, Math.min(chunkRows, rows - first) * rowBytes);
    for (let at = 0; at < bytes.byteLength; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.byteLength - at, first * rowBytes + at);
      if (bytesRead === 0) return 'not computed'; // the file became shorter
      at += bytesRead;
    }
    hash.update(bytes);
    code(first, chunk.subarray(0, bytes.byteLength / 4));
  }
  return hash.digest('hex');
}

function createCodes(rows: number, dimensions: number) {
  const width = Math.ceil(dimensions / KERNEL_WIDTH) * KERNEL_WIDTH;
  const scanRows = Math.min(rows, SCAN_ROWS);
  const at = { query: 0, rows: width * 2, out: width * 2 + scanRows * 4, scales: 0, codes: 0 };
  at.scales = at.out + scanRows * 4;
  at.codes = at.scales + rows * 4;
  const bytes = at.codes + rows * width;
  if (bytes > GREATEST_MEMORY_BYTES) {
    throw new ChiasmError(
      'too_large',
      `${rows} vectors of ${dimensions} numbers are more than one embedded index holds (4 GiB of codes); use S3 Vectors`,
    );
  }
  const { kernels, memory } = createVectorKernels(bytes);
  const codes = new Int8Array(memory.buffer, at.codes, rows * width);
  const scales = new Float32Array(memory.buffer, at.scales, rows);
  const queryCodes = new Int16Array(memory.buffer, at.query, width);
  const rowNumbers = new Int32Array(memory.buffer, at.rows, scanRows);
  const out = new Float32Array(memory.buffer, at.out, scanRows);
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
      codes[row * width + d] = rounded;
      residual += (value - rounded) ** 2;
    }
    scales[row] = scale;
    greatestResidual = Math.max(greatestResidual, Math.sqrt(residual) * scale);
  };

  return {
    code: (first: number, vectors: Float32Array) => {
      centre ??= meanRow(vectors, dimensions);
      for (let i = 0; i * dimensions < vectors.length; i++) codeRow(first + i, vectors, i * dimensions, centre);
    },
    /**
     * |q x - estimate| <= |q| |x - coded x| + |q - coded q| |coded x - c|, and |coded x - c| is at most 2 for unit vectors.
     * The product of two vectors of random directions has a standard deviation of their lengths' product / sqrt(D).
     */
    estimate: (query: Float32Array, wanted: Int32Array) => {
      const scale = query.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0) / GREATEST_QUERY || 1;
      let residual = 0;
      for (let d = 0; d < dimensions; d++) {
        queryCodes[d] = Math.round(query[d]! / scale);
        residual += (query[d]! / scale - queryCodes[d]!) ** 2;
      }
      const offset = centre === undefined ? 0 : dot(query, centre);
      const scores = new Float32Array(wanted.length);
      for (let i = 0; i < wanted.length; i += SCAN_ROWS) {
        const some = wanted.subarray(i, i + SCAN_ROWS);
        rowNumbers.set(some);
        kernels.scanCodes(at.rows, some.length, at.codes, width, at.query, at.scales, scale, at.out);
        for (let j = 0; j < some.length; j++) scores[i + j] = out[j]! + offset;
      }
      const error = greatestResidual * Math.sqrt(dot(query, query)) + 2 * Math.sqrt(residual) * scale;
      const greatestError = error + ROUNDING;
      return {
        scores,
        greatestError,
        likelyError: Math.min(greatestError, (LIKELY_DEVIATIONS * error) / Math.sqrt(dimensions) + ROUNDING),
      };
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
