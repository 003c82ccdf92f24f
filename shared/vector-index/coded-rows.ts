/**
 * The vectors of a generation: one byte a number in memory for estimates; the full vectors in their file, of which a search
 * reads only the few rows that it needs. While they are few, they come into memory too, after the first search.
 */

import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ChiasmError } from '#shared/core/errors.ts';
import { row as rowOf } from '#shared/core/vector.ts';
import { type CodedMatrix, createCodedMatrix } from './coded-matrix.ts';
import { CHUNK_BYTES, checkFile, digestChunks, type ExpectedFile, fill } from './generation-files.ts';
import type { Estimates, VectorRows } from './vector-rows.ts';

export interface CodedRows extends VectorRows {
  /** Vectors that are in memory so far. */
  readonly heldRows: number;
  close(): Promise<void>;
}

const SCAN_ROWS = 16_384;

/**
 * Reads and codes the whole file, which must be the expected one, and keeps it open. The bytes served later are those of
 * the open file, whatever happens to its name.
 * @param heldBytes a file of at most this size is held in memory from the first search on: where calls of the system are
 *   slow, reading a row takes a hundred times longer than copying it
 * @throws ChiasmError `state_corrupt` when the file is not the expected one
 */
export async function openCodedRows(
  path: string,
  expected: ExpectedFile,
  name: string,
  dimensions: number,
  heldBytes: number,
): Promise<CodedRows> {
  const rowBytes = dimensions * 4;
  const rows = expected.sizeBytes / rowBytes;
  const coded = createCodedMatrix(rows, dimensions, Math.min(rows, SCAN_ROWS));
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== expected.sizeBytes) checkFile({ sizeBytes: size, digest: 'not computed' }, expected, name);
    const chunkBytes = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes)) * rowBytes;
    const actual = await digestChunks(file, chunkBytes, (bytes, at) => {
      coded.code(at / rowBytes, new Float32Array(bytes.buffer, 0, bytes.byteLength / 4));
    });
    checkFile(actual, expected, name);
  } catch (error) {
    await file.close();
    throw error;
  }
  const held = expected.sizeBytes <= heldBytes ? createHeldRows(file, rows, dimensions) : undefined;
  return {
    dimensions,
    get heldRows() {
      return held?.count ?? 0;
    },
    estimate: (query, wanted) => estimate(coded, query, wanted),
    read: (row, target) => {
      const vector = held?.row(row);
      if (vector !== undefined) return target.set(vector);
      const read = readSync(file.fd, target, 0, rowBytes, row * rowBytes);
      if (read === rowBytes) return;
      throw new ChiasmError('state_corrupt', `${name} became shorter while it was open; restore it`);
    },
    close: async () => {
      await held?.stop();
      await file.close();
    },
  };
}

/**
 * Rows in memory, read in the background from when the first one is asked for: a start does not wait for them, and what is
 * never searched does not hold them.
 */
function createHeldRows(file: FileHandle, rows: number, dimensions: number) {
  let matrix: Float32Array<ArrayBuffer> | undefined;
  /** As many of the first rows are there. */
  let count = 0;
  let reading: Promise<void> | undefined;
  let stopped = false;
  const readAll = async (target: Float32Array<ArrayBuffer>) => {
    for (let at = 0; at < target.byteLength && !stopped; at += CHUNK_BYTES) {
      const bytes = new Uint8Array(target.buffer, at, Math.min(CHUNK_BYTES, target.byteLength - at));
      if ((await fill(file, bytes, at)).byteLength < bytes.byteLength) return;
      count = Math.floor((at + bytes.byteLength) / (dimensions * 4));
    }
  };
  return {
    get count() {
      return count;
    },
    /** Undefined while it is not in memory. */
    row: (row: number): Float32Array | undefined => {
      matrix ??= new Float32Array(rows * dimensions);
      reading ??= readAll(matrix).catch(() => undefined); // what could not be read is read when it is needed, or throws then
      return row < count ? rowOf(matrix, dimensions, row) : undefined;
    },
    stop: async () => {
      stopped = true;
      await reading;
    },
  };
}

function estimate(coded: CodedMatrix, query: Float32Array, wanted: Int32Array): Estimates {
  const { offset, ...errors } = coded.setQuery(query);
  const scores = new Float32Array(wanted.length);
  for (let i = 0; i < wanted.length; i += SCAN_ROWS) {
    const some = wanted.subarray(i, i + SCAN_ROWS);
    coded.wanted.set(some);
    coded.compare(some.length);
    for (let j = 0; j < some.length; j++) scores[i + j] = coded.scores[j]! + offset;
  }
  return { scores, ...errors };
}
