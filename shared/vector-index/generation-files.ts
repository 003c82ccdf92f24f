/** Reading the large files of a generation: each one is checked against its SHA-256 before anything is served from it. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { ChiasmError } from '#shared/core/errors.ts';

const CHUNK_BYTES = 4 * 1024 * 1024; // about 3 ms of hashing between two turns of the event loop

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
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).byteLength;
  }
  return { sizeBytes, digest: hash.digest('hex') };
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
    const buffer = new ArrayBuffer(size);
    const hash = createHash('sha256');
    for (let at = 0; at < size; ) {
      const chunk = new Uint8Array(buffer, at, Math.min(CHUNK_BYTES, size - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.byteLength, at);
      if (bytesRead === 0) break; // the file became shorter: the digest below does not fit
      hash.update(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    checkFile({ sizeBytes: size, digest: hash.digest('hex') }, expected, name);
    return buffer;
  } finally {
    await file.close();
  }
}

export function checkFile(actual: ExpectedFile, expected: ExpectedFile, name: string): void {
  if (actual.sizeBytes === expected.sizeBytes && actual.digest === expected.digest) return;
  throw new ChiasmError(
    'state_corrupt',
    `${name} is damaged: expected ${expected.sizeBytes} bytes with SHA-256 ${expected.digest}, got ` +
      `${actual.sizeBytes} bytes with ${actual.digest}; restore it, or remove the space's folder and reconcile`,
  );
}
