/**
 * Mutual exclusion between the processes that write one folder, by the lock of a SQLite database in it. The operating
 * system releases it when its holder dies, so a killed process leaves no stale lock behind and nothing has to be guessed
 * from process numbers or ages. The database stays empty.
 */

import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChiasmError } from '#shared/core/errors.ts';

export interface FolderLock {
  /** Runs `work` while no other process, and no other call here, runs its own. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface FolderLockOptions {
  /** How long to wait for another process. @default 30 seconds; what is done under the lock takes milliseconds */
  readonly timeoutMs?: number;
}

const SQLITE_BUSY = 5;
const MAX_PAUSE_MS = 8;

/** A lock on the file `path`, which is created at the first use. */
export function createFolderLock(path: string, { timeoutMs = 30_000 }: FolderLockOptions = {}): FolderLock {
  let database: DatabaseSync | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function acquire(): Promise<DatabaseSync> {
    database ??= open(path);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        database.exec('BEGIN IMMEDIATE');
        return database;
      } catch (error) {
        if (!isBusy(error)) throw unavailable(`cannot lock ${path}; its file system may not support locks`, error);
        if (performance.now() > deadline) {
          throw unavailable(`another process has held ${path} for over ${timeoutMs / 1000} seconds`, error);
        }
      }
      await sleep(1 + Math.random() * (MAX_PAUSE_MS - 1));
    }
  }

  async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const held = await acquire();
    try {
      return await work();
    } finally {
      held.exec('ROLLBACK');
    }
  }

  return {
    run(work) {
      const result = last.then(() => exclusively(work));
      last = result.catch(() => {}); // the caller has the error; the next in line starts whatever happened here
      return result;
    },
  };
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path);
    database.exec('PRAGMA journal_mode = MEMORY'); // or each BEGIN would create a journal file
    return database;
  } catch (error) {
    throw unavailable(`cannot open ${path}`, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function unavailable(message: string, cause: unknown): ChiasmError {
  return new ChiasmError('storage_unavailable', message, { cause, retryable: true });
}
