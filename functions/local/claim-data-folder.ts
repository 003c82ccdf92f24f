/** One program at a time works on a data folder. The claim ends with the process, however it ends. */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ChiasmError } from '#shared/core/errors.ts';

/**
 * Creates the folder where needed and claims it by the lock of an empty SQLite database in it.
 * @throws ChiasmError `conflict` when another program has it, `storage_unavailable` when it cannot be written
 */
export function claimDataFolder(folder: string): { release(): void } {
  try {
    createFolder(folder);
    const database = new DatabaseSync(join(folder, 'claim.sqlite'));
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (cause) {
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === 5;
    if (busy) {
      throw new ChiasmError(
        'conflict',
        `another Chiasm works on ${folder}; stop it, or choose another folder with --data`,
        { cause },
      );
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot write to the data folder ${folder}: ${reason}; choose another one with --data`;
    throw new ChiasmError('storage_unavailable', message, { cause });
  }
}

/** Creates a folder and those above it, each by itself: Node.js's recursive `mkdir` never returns where a file system takes no folders (`/proc/data`). */
function createFolder(folder: string): void {
  if (!existsSync(dirname(folder))) createFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (cause) {
    if (!existsSync(folder)) throw cause;
    mkdirSync(folder, { recursive: true }); // it is there already: only a file is refused
  }
}
