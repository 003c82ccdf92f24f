/** Reading the large files of a generation: each one is checked against its SHA-256 before anything is served from it. */

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ChiasmError } from '#shared/core/errors.ts';

/** About a millisecond of hashing between two turns of the event loop, and what the nearer caches hold. */
export const CHUNK_BYTES = 1024 * 1024;

export interface ExpectedFile {
  readonly sizeBytes: number;
  readonly digest: string;
}

/** @throws ChiasmError `state_corrupt` when the file is not the expected one */
export async function verifyFile(path: string, expected: ExpectedFile, name: string): Promise<void> {
  const actual = await digestFile(path);
  checkFile(actual, expected, name);
}

export async function digestFile(path: string): Promise<ExpectedFile> {
  const file = await open(path, 'r');
  try {
    return await digestChunks(file, CHUNK_BYTES);
  } finally {
    await file.close();
  }
}

/**
 * The bytes of the file, which are exactly those that were checked.
 * @throws ChiasmError `state_corrupt` when the file is not the expected one
 */
export async function readVerified(path: string, expected: ExpectedFile, name: string): Promise<ArrayBuffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== expected.sizeBytes) checkFile({ sizeBytes: size, digest: 'not computed' }, expected, name);
    const all = new Uint8Array(size);
    const actual = await digestChunks(file, CHUNK_BYTES, (bytes, at) => all.set(bytes, at));
    checkFile(actual, expected, name);
    return all.buffer;
  } finally {
    await file.close();
  }
}

/**
 * Reads the whole file; `take` is called with each chunk of it, the last of which may be shorter. All chunks come in the same
 * memory: where memory is given page by page by a hypervisor, new memory costs several times what reading and hashing do.
 */
export async function digestChunks(
  file: FileHandle,
  chunkBytes: number,
  take?: (bytes: Uint8Array<ArrayBuffer>, at: number) => void,
): Promise<ExpectedFile> {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(chunkBytes);
  for (let at = 0; ; ) {
    const bytes = await fill(file, chunk, at);
    hash.update(bytes);
    take?.(bytes, at);
    at += bytes.byteLength;
    if (bytes.byteLength < chunkBytes) return { sizeBytes: at, digest: hash.digest('hex') };
  }
}

/** The beginning of `target` that the file has bytes for from `at` on. */
export async function fill<T extends Uint8Array>(file: FileHandle, target: T, at: number): Promise<T> {
  let size = 0;
  while (size < target.byteLength) {
    const { bytesRead } = await file.read(target, size, target.byteLength - size, at + size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return target.subarray(0, size) as T;
}

export function checkFile(actual: ExpectedFile, expected: ExpectedFile, name: string): void {
  if (actual.sizeBytes === expected.sizeBytes && actual.digest === expected.digest) return;
  throw new ChiasmError(
    'state_corrupt',
    `${name} is damaged: expected ${expected.sizeBytes} bytes with SHA-256 ${expected.digest}, got ` +
      `${actual.sizeBytes} bytes with ${actual.digest}; restore it, or remove the space's folder and reconcile`,
  );
}
