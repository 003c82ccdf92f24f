/** What counts as an object in a folder of the user's: shared by the store that reads it and the watch that follows it. */

import { isUtf8 } from 'node:buffer';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
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

/** Reads the entries of folders below `root`, which has no links left in it. */
export function createEntryReader(root: string, onSkipped: (entry: SkippedEntry) => void): ReadEntries {
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
          const kind = await kindOfLink(child, root);
          if (kind !== undefined) entries.push({ segment: name, path: child, kind });
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

/** What a link stands for; undefined when it is not followed, or leads to neither a file nor a folder. */
async function kindOfLink(path: string, root: string): Promise<FolderEntry['kind'] | undefined> {
  const target = await stat(path);
  if (!(await isReachable(path, root)) || !(target.isFile() || target.isDirectory())) return undefined;
  return target.isFile() ? 'file' : 'folder';
}

/**
 * True when `path` is the place where its object or folder is found: without links on the way, or with one that leads out
 * of the root. Links back into the root, links in linked folders and links to a folder that holds the root are not followed,
 * so there are no loops, and what is at a path does not depend on the way that a listing took.
 */
export async function isReachable(path: string, root: string): Promise<boolean> {
  const real = await realPath(path);
  if (real === path) return true;
  if (real === undefined || isInside(real, root)) return false;
  const segments = relative(root, path).split(sep);
  for (const [i] of segments.entries()) {
    const place = join(root, ...segments.slice(0, i + 1));
    const target = await realPath(place);
    if (target === undefined || target === place) continue;
    const leadsOut = !isInside(target, root) && !isInside(root, target);
    return leadsOut && real === join(target, ...segments.slice(i + 1));
  }
  return false;
}

function isInside(path: string, root: string): boolean {
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
