/** What counts as an object in a folder of the user's: shared by the store that reads it and the watch that follows it. */

import { isUtf8 } from 'node:buffer';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import { fileErrorCode, isAbsent } from './file-error.ts';
import { realPath } from './own-path.ts';
import type { FolderEntry, ReadEntries } from './walk-folder.ts';

/** Something that a listing left out. */
export interface SkippedEntry {
  /** Relative to the folder, with "/"; bytes that are not UTF-8 are shown as U+FFFD. Ends with "/" for a folder. */
  readonly path: string;
  /**
   * `unreadable`: objects may be there that cannot be seen now, so a missing key below `path` does not mean that it was
   * deleted. `invalid-name`: not an object under any circumstances.
   */
  readonly problem: 'unreadable' | 'invalid-name';
  /** One sentence that a person understands. */
  readonly reason: string;
}

/** Reads folders for one listing and remembers the linked ones that it has entered. */
export function createEntryReader(root: string, onSkipped: (entry: SkippedEntry) => void): ReadEntries {
  const entered = new Set<string>();

  async function resolveLink(path: string, segment: string): Promise<FolderEntry | undefined> {
    const target = await stat(path, { bigint: true });
    if (isInside(await realpath(path), root)) return undefined;
    if (target.isFile()) return { segment, path, kind: 'file' };
    const identity = `${target.dev}:${target.ino}`;
    if (!target.isDirectory() || entered.has(identity)) return undefined;
    entered.add(identity);
    return { segment, path, kind: 'folder' };
  }

  return async (path: string, keyPrefix: string): Promise<readonly FolderEntry[]> => {
    const skip = (name: string, problem: SkippedEntry['problem'], reason: string) =>
      onSkipped({ path: keyPrefix + name, problem, reason });
    const entries: FolderEntry[] = [];
    for (const found of await readNames(path, (reason) => skip('', 'unreadable', reason))) {
      const name = found.name.toString('utf8');
      if (name.startsWith('.')) continue;
      const problem = isUtf8(found.name) ? objectKeyProblem(keyPrefix + name) : 'its name is not valid UTF-8';
      if (problem !== undefined) {
        skip(found.isDirectory() ? `${name}/` : name, 'invalid-name', problem);
        continue;
      }
      const child = join(path, name);
      if (found.isFile()) entries.push({ segment: name, path: child, kind: 'file' });
      else if (found.isDirectory()) entries.push({ segment: name, path: child, kind: 'folder' });
      else if (found.isSymbolicLink()) {
        try {
          const entry = await resolveLink(child, name);
          if (entry !== undefined) entries.push(entry);
        } catch (error) {
          // A link that leads nowhere may lead to a drive that is not connected now: its objects are not known to be gone.
          skip(name, 'unreadable', `the link cannot be followed: ${reasonOf(error)}`);
        }
      }
    }
    return entries;
  };
}

async function readNames(path: string, onUnreadable: (reason: string) => void) {
  try {
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (!isAbsent(error)) onUnreadable(reasonOf(error));
    return [];
  }
}

/** True unless a link back into the folder lies on the way to `path`. */
export async function mayEnter(path: string, root: string): Promise<boolean> {
  const real = await realPath(path);
  return real !== undefined && (real === path || !isInside(real, root));
}

export function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

export function isHidden(key: string): boolean {
  return key.split('/').some((segment) => segment.startsWith('.'));
}

export function reasonOf(error: unknown): string {
  const code = fileErrorCode(error);
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'ELOOP') return 'it leads in a circle';
  if (code === 'ENOENT') return 'there is nothing at its other end';
  return error instanceof Error ? error.message : String(error);
}
