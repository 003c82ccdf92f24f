/** Which version of a file this is, without reading it; and reading it. */

import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type ByteRange, clampRange } from './byte-range.ts';
import { isAbsent } from './file-error.ts';
import type { ObjectInfo } from './object-store.ts';

/** Without O_NONBLOCK, opening a named pipe would wait for a writer, perhaps for ever. Windows does not know the flag. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export type FileVersion = Omit<ObjectInfo, 'key'>;

export interface OpenFile {
  readonly handle: FileHandle;
  readonly version: FileVersion;
}

export interface VersionOptions {
  /** False where inode numbers change at every mount. @default true */
  readonly inodesAreStable?: boolean;
}

/**
 * etag = size, modification time in nanoseconds and inode. Replacing a file changes the inode, editing it in place the
 * time; only a program that writes in place and then sets the old time back, at the same size, goes unnoticed.
 */
export function fileVersion(stat: BigIntStats, { inodesAreStable = true }: VersionOptions = {}): FileVersion {
  const parts = inodesAreStable ? [stat.size, stat.mtimeNs, stat.ino] : [stat.size, stat.mtimeNs];
  return {
    etag: parts.map((part) => part.toString(36)).join('-'),
    sizeBytes: Number(stat.size),
    modifiedAtMs: Number(stat.mtimeNs / 1_000_000n),
  };
}

/** An open file that the caller closes; undefined when there is no regular file at `path`. */
export async function openFile(path: string, options?: VersionOptions): Promise<OpenFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, READ);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const stat = await handle.stat({ bigint: true });
    if (stat.isFile()) return { handle, version: fileVersion(stat, options) };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** The bytes of `range`; fewer only when the file shrank meanwhile. Closes the file. */
export async function readAndClose(file: OpenFile, range: ByteRange | undefined): Promise<Uint8Array> {
  try {
    const { start, end } = clampRange(range, file.version.sizeBytes);
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.handle.read(bytes, filled, bytes.length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled === bytes.length ? bytes : bytes.subarray(0, filled);
  } finally {
    await file.handle.close();
  }
}

/** The bytes of `range` as a stream that closes the file at its end, or when it is destroyed. */
export async function streamAndClose(file: OpenFile, range: ByteRange | undefined): Promise<Readable> {
  try {
    const { start, end } = clampRange(range, file.version.sizeBytes);
    if (end > start) return file.handle.createReadStream({ start, end: end - 1 });
  } catch (error) {
    await file.handle.close();
    throw error;
  }
  await file.handle.close();
  return Readable.from([]);
}
