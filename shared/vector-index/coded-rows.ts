/**
 * The vectors of a generation: one byte a number in memory for estimates; the full vectors in memory too while they are few,
 * otherwise in their file, of which a search reads only the few rows that it needs.
 */

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ChiasmError } from '#shared/core/errors.ts';
import { row as rowOf } from '#shared/core/vector.ts';
import { type CodedMatrix, createCodedMatrix } from './coded-matrix.ts';
import { checkFile, type ExpectedFile } from './generation-files.ts';
import type { Estimates, VectorRows } from './vector-rows.ts';

export interface CodedRows extends VectorRows {
  close(): Promise<void>;
}

const CHUNK_BYTES = 2 * 1024 * 1024; // about 5 ms of hashing and coding between two turns of the event loop
const SCAN_ROWS = 16_384;

/**
 * Reads and codes the whole file, which must be the expected one, and keeps it open. The bytes served later are those of
 * the open file, whatever happens to its name.
 * @param heldBytes a file of at most this size is held in memory: where calls of the system are slow, reading a row takes
 *   a hundred times longer than copying it
 * @throws ChiasmError `state_corrupt` when the file is not the expected one
 */
export async function openCodedRows(
  path: string,
  expected: ExpectedFile,
  name: string,
  dimensions: number,
  heldBytes: number,
): Promise<CodedRows> {
  const rows = expected.sizeBytes / (dimensions * 4);
  const held = expected.sizeBytes <= heldBytes ? new Float32Array(rows * dimensions) : undefined;
  const coded = createCodedMatrix(rows, dimensions, Math.min(rows, SCAN_ROWS));
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== expected.sizeBytes) checkFile({ sizeBytes: size, digest: 'not computed' }, expected, name);
    const digest = await codeFile(file, rows, dimensions, (first, vectors) => {
      coded.code(first, vectors);
      held?.set(vectors, first * dimensions);
    });
    checkFile({ sizeBytes: size, digest }, expected, name);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    dimensions,
    estimate: (query, wanted) => estimate(coded, query, wanted),
    read: (row, target) => {
      if (held !== undefined) return target.set(rowOf(held, dimensions, row));
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
