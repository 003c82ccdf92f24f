/** An object of Amazon S3 as a local file, read in parallel ranges; kept as long as the object does not change. */

import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsent, toStorageError } from './file-error.ts';
import type { ObjectInfo } from './object-store.ts';

const RANGE_BYTES = 8 * 1024 * 1024;
const RANGES_AT_ONCE = 8;

/** Reads bytes [start, end) of exactly the version `etag`; undefined when the object is another one now. */
export type ReadVersion = (start: number, end: number, etag: string) => Promise<Uint8Array | undefined>;

/**
 * The path of a complete copy of this version in `folder`; undefined when the object changed meanwhile. A copy appears by a
 * rename, so one that is there is whole, unless power failed: it is not synced to disk, because who reads it checks its digest.
 */
export async function downloadVersion(
  info: ObjectInfo,
  folder: string,
  read: ReadVersion,
): Promise<string | undefined> {
  const path = join(folder, `${createHash('sha256').update(info.key).digest('hex')}-${info.etag}`);
  if (await isFileOfSize(path, info.sizeBytes)) return path;
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(folder, { recursive: true });
    const complete = await download(info, partial, read);
    if (complete) await rename(partial, path);
    return complete ? path : undefined;
  } catch (error) {
    throw toStorageError(error, `copy ${JSON.stringify(info.key)} to ${folder}`);
  } finally {
    await rm(partial, { force: true });
  }
}

async function download(info: ObjectInfo, path: string, read: ReadVersion): Promise<boolean> {
  const handle = await open(path, 'wx');
  try {
    const starts = Array.from({ length: Math.ceil(info.sizeBytes / RANGE_BYTES) }, (_, i) => i * RANGE_BYTES);
    let complete = true;
    const worker = async () => {
      for (let start = starts.shift(); start !== undefined && complete; start = starts.shift()) {
        const bytes = await read(start, Math.min(start + RANGE_BYTES, info.sizeBytes), info.etag);
        if (bytes === undefined) complete = false;
        else await writeAt(handle, bytes, start);
      }
    };
    const results = await Promise.allSettled(Array.from({ length: RANGES_AT_ONCE }, worker));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return complete;
  } finally {
    await handle.close();
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function isFileOfSize(path: string, sizeBytes: number): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size === sizeBytes;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
