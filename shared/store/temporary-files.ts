/** Files that are being written. They lie apart from the objects, so that no listing sees one, and take their place by a rename. */

import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A temporary file of another machine or container, whose processes cannot be asked, is abandoned after this. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;
const NAME = /^([0-9a-f]{8})-(\d+)-/;

/** Writes `body` to a new file in `folder`, durably, and returns its path. Nothing is left behind if that fails. */
export async function writeTemporary(folder: string, body: Uint8Array | Readable): Promise<string> {
  const path = join(folder, `${thisHost()}-${process.pid}-${randomUUID()}`);
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(body);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return path;
}

/** Removes what killed processes have left in `folder`. */
export function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (isAbandoned(name, path)) rmSync(path, { force: true });
  }
}

function isAbandoned(name: string, path: string): boolean {
  const [, host, pid] = NAME.exec(name) ?? [];
  if (host === thisHost() && !isRunning(Number(pid))) return true;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > ABANDONED_AFTER_MS; // against the file system's own time
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // signal 0 asks only
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function thisHost(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}
