/** Random access to the bytes of a model, in memory or in a file of any size, for `protobuf-reader.ts`. Synchronous: it is read once, in small windows. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface ByteSource {
  readonly sizeBytes: number;
  /** At least `length` bytes from `offset`, fewer only at the end of the source. Valid until the next call. */
  view(offset: number, length: number): Uint8Array;
}

const WINDOW_BYTES = 256 * 1024;

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { sizeBytes: bytes.length, view: (offset) => bytes.subarray(offset) };
}

/** Calls `read` with the file's bytes; the file is closed afterwards, whatever happens. */
export function withFileSource<Result>(path: string, read: (source: ByteSource) => Result): Result {
  const file = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    let buffer = new Uint8Array(WINDOW_BYTES);
    let start = 0;
    let filled = 0;
    const view = (offset: number, length: number): Uint8Array => {
      const wanted = Math.min(length, sizeBytes - offset);
      if (offset < start || offset + wanted > start + filled) {
        if (buffer.length < wanted) buffer = new Uint8Array(wanted);
        start = offset;
        filled = readSync(file, buffer, 0, buffer.length, offset);
      }
      return buffer.subarray(offset - start, filled);
    };
    return read({ sizeBytes, view });
  } finally {
    closeSync(file);
  }
}
