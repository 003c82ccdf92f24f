/** What a file system says, as errors that a person can act on. */

import { ChiasmError } from '#shared/core/errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS']);
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);
const OF_A_CONNECTION = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE']); // of a body that a client was sending

/** The code of a file system error (`ENOENT`), or undefined for anything else. */
export function fileErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** True when the path does not exist: also when a part of it is a file where a folder would have to be, or longer than names can be. */
export function isAbsent(error: unknown): boolean {
  return ABSENT.has(fileErrorCode(error) ?? '');
}

/**
 * `error` as `storage_unavailable` when it comes from the file system, unchanged otherwise.
 * @param doing what was tried, for the message: `store "a/b"`
 */
export function toStorageError(error: unknown, doing: string): unknown {
  const code = fileErrorCode(error);
  if (code === undefined || OF_A_CONNECTION.has(code)) return error;
  const reason = (error as Error).message;
  if (FULL.has(code)) {
    const message = `could not ${doing}: the disk is full or over quota (${reason}). Free some space and try again`;
    return new ChiasmError('storage_unavailable', message, { cause: error, retryable: true });
  }
  if (FORBIDDEN.has(code)) {
    const message = `could not ${doing}: the folder does not permit it (${reason}). Check its owner and permissions`;
    return new ChiasmError('storage_unavailable', message, { cause: error });
  }
  return new ChiasmError('storage_unavailable', `could not ${doing}: ${reason}`, { cause: error, retryable: true });
}

/** Runs `work`; what the file system throws becomes `storage_unavailable`. */
export async function attempt<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toStorageError(error, doing);
  }
}

/** A key for a message: in quotes, control characters escaped, not too long. */
export function quote(key: string): string {
  return JSON.stringify(key.slice(0, 200));
}
