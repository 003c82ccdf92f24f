/** Places of a file store's objects: inside its folder, reached by no symbolic link, and spelled as the key is. */

import { lstat, mkdir, open, realpath, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { fileErrorCode, isAbsent, quote } from './file-error.ts';
import { type FileVersion, fileVersion } from './file-version.ts';

/** False when nothing is at `path`, and when it is reached through a symbolic link or under another spelling. */
export async function isOwnPath(path: string): Promise<boolean> {
  return (await realPath(path)) === path;
}

/** `path` with all links resolved and spelled as the file system does; undefined when nothing is there. */
export async function realPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The version of the regular file at `path`, symbolic links not followed. */
export async function versionAt(path: string): Promise<FileVersion | undefined> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.isFile() ? fileVersion(found) : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** @throws ChiasmError `conflict` unless a file at `path` would be this key's own, inside the folder */
export async function requireOwnPlace(root: string, path: string, key: string): Promise<void> {
  let place = path;
  let real = await realPath(place);
  while (real === undefined && place !== root) {
    place = dirname(place);
    real = await realPath(place);
  }
  if (real !== place) {
    const taken = real === undefined ? 'the folder is gone' : `${place} leads to ${real}`;
    throw new ChiasmError('conflict', `cannot store ${quote(key)}: ${taken}. Use another key, or remove what is there`);
  }
  if (place === path && (await versionAt(path)) === undefined) {
    const rule = 'a file system cannot hold an object and others below its name';
    throw new ChiasmError('conflict', `cannot store ${quote(key)}: there are objects below "${key}/", and ${rule}`);
  }
}

/** Makes the folders above `path`; returns the topmost one that was new. */
export async function makeParents(path: string, key: string): Promise<string | undefined> {
  try {
    return await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    if (!['EEXIST', 'ENOTDIR'].includes(fileErrorCode(error) ?? '')) throw error;
    const message = `cannot store ${quote(key)}: a beginning of it is itself an object, and a file system cannot hold both`;
    throw new ChiasmError('conflict', message, { cause: error });
  }
}

/** Makes renames in `folder` and in those above it, up to `top`, survive a power failure. */
export async function syncFolders(folder: string, top: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there; NTFS journals renames itself
  for (let path = folder; ; path = dirname(path)) {
    const handle = await open(path, 'r').catch((error: unknown) => {
      if (isAbsent(error)) return undefined; // a delete has removed it since
      throw error;
    });
    await handle?.sync().finally(() => handle.close());
    if (path === top) return;
  }
}

/** False when something is in the folder, or it is gone already. */
export async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(fileErrorCode(error) ?? '')) return false;
    throw error;
  }
}
