/** `vectors.f32`: a row-major little-endian Float32 matrix without a header. Synchronous, for the worker thread. */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { ChiasmError } from '#shared/core/errors.ts';

const CHUNK_BYTES = 256 * 1024 * 1024; // one call reads or writes at most 2 GiB

/** Fills the beginning of `matrix` with the file. */
export function readMatrix(path: string, matrix: Float32Array): void {
  const bytes = new Uint8Array(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < bytes.byteLength; ) {
      const read = readSync(file, bytes, at, Math.min(CHUNK_BYTES, bytes.byteLength - at), at);
      if (read === 0) return;
      at += read;
    }
  } finally {
    closeSync(file);
  }
}

export function writeMatrix(path: string, matrix: Float32Array): void {
  const bytes = new Uint8Array(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const file = openSync(path, 'wx');
  try {
    for (let at = 0; at < bytes.byteLength; ) {
      const written = writeSync(file, bytes, at, Math.min(CHUNK_BYTES, bytes.byteLength - at), at);
      if (written === 0) throw new ChiasmError('storage_unavailable', `nothing more could be written to ${path}`);
      at += written;
    }
  } finally {
    closeSync(file);
  }
}

/** The rows [D] of a matrix file, read one by one. */
export function openMatrix(path: string, dimensions: number): { read(row: number): Float32Array; close(): void } {
  const file = openSync(path, 'r');
  return {
    read: (row) => {
      const vector = new Float32Array(dimensions);
      if (readSync(file, vector, 0, vector.byteLength, row * vector.byteLength) === vector.byteLength) return vector;
      throw new ChiasmError('internal', `${path} has no row ${row}`);
    },
    close: () => closeSync(file),
  };
}
