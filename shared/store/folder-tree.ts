/** The folders below a user's folder and the system's watches on them. Knows names and identities of folders, not files. */

import { type BigIntStats, type FSWatcher, watch } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileErrorCode, isAbsent, toStorageError } from './file-error.ts';
import { createEntryReader, isReachable } from './user-folder.ts';

export interface FolderTreeEvents {
  /** Something happened at this path, relative to the root with "/"; undefined when the system did not say where. */
  readonly onEvent: (key: string | undefined) => void;
  /** A folder cannot be watched, or not any longer. */
  readonly onUnwatched: (reason: string) => void;
}

export interface FolderTree {
  /** With all links resolved. */
  readonly root: string;
  /** True when a folder was last seen at `key`. */
  has(key: string): boolean;
  /** True when the folder at `key` is still the one that was last seen there. */
  isUnchanged(key: string, found: BigIntStats): boolean;
  /** Watches the new folder at `key` with those in it; returns the keys of the files found there. */
  enter(key: string): Promise<readonly string[]>;
  /** Looks at the whole tree again, after folders were moved or events were lost. */
  synchronize(): Promise<void>;
  close(): void;
}

interface Folder {
  /** Device and inode. */
  readonly identity: string;
  readonly watcher: FSWatcher | undefined;
}

/** These systems watch a whole tree with one handle; Linux watches each folder. */
const WATCHES_TREES = process.platform === 'darwin' || process.platform === 'win32';

/** @throws ChiasmError `storage_unavailable` when the folder cannot be read */
export async function openFolderTree(folder: string, { onEvent, onUnwatched }: FolderTreeEvents): Promise<FolderTree> {
  let root: string;
  try {
    root = await realpath(folder);
  } catch (error) {
    throw toStorageError(error, `watch the folder ${folder}`);
  }
  /** By key; the root's is ''. */
  let folders = new Map<string, Folder>();
  let closed = false;

  function openWatch(key: string): FSWatcher | undefined {
    if (closed || (WATCHES_TREES && key !== '')) return undefined;
    try {
      const watcher = watch(join(root, key), { recursive: WATCHES_TREES, persistent: true }, (_event, name) => {
        const path = process.platform === 'win32' ? name?.replaceAll('\\', '/') : name;
        onEvent(path == null ? undefined : key === '' ? path : `${key}/${path}`);
      });
      watcher.on('error', (error) => {
        onEvent(undefined); // Windows says so when the folder is deleted, and when events were lost
        if (!isAbsent(error) && fileErrorCode(error) !== 'EPERM') onUnwatched(reasonOf(error));
      });
      return watcher;
    } catch (error) {
      if (!isAbsent(error)) onUnwatched(reasonOf(error));
      return undefined;
    }
  }

  /**
   * Puts the folder at `key` and those in it into `into`, with the watch that `folders` has on it or a new one. The watch
   * is opened before the names are read, so what comes between the two is not lost.
   */
  async function collect(key: string, into: Map<string, Folder>, files: string[]): Promise<void> {
    const identity = await identityOf(join(root, key));
    if (identity === undefined) return;
    const known = folders.get(key);
    const kept = known?.identity === identity && known.watcher !== undefined;
    into.set(key, kept ? known : { identity, watcher: openWatch(key) });
    for (const entry of await readEntries(join(root, key), key === '' ? '' : `${key}/`)) {
      const inside = key === '' ? entry.segment : `${key}/${entry.segment}`;
      if (entry.kind === 'file') files.push(inside);
      else await collect(inside, into, files);
    }
  }

  const readEntries = createEntryReader(root, () => {}); // the store's listing reports what is skipped

  async function synchronize(): Promise<void> {
    const next = new Map<string, Folder>();
    await collect('', next, []);
    for (const [key, { watcher }] of folders) if (watcher !== next.get(key)?.watcher) watcher?.close();
    folders = next;
    if (closed) close();
  }

  function close(): void {
    closed = true;
    for (const { watcher } of folders.values()) watcher?.close();
  }

  await synchronize();
  return {
    root,
    has: (key) => folders.has(key),
    isUnchanged: (key, found) => folders.get(key)?.identity === `${found.dev}:${found.ino}`,
    async enter(key) {
      const files: string[] = [];
      if (await isReachable(join(root, key), root)) await collect(key, folders, files);
      return files;
    },
    synchronize,
    close,
  };
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return `${found.dev}:${found.ino}`;
  } catch (error) {
    if (fileErrorCode(error) !== undefined) return undefined; // gone, or not to be looked at: there is nothing to watch
    throw error;
  }
}

function reasonOf(error: unknown): string {
  const code = fileErrorCode(error);
  if (code === 'ENOSPC' || code === 'EMFILE') {
    return 'the system allows no more watches on folders (on Linux: raise fs.inotify.max_user_watches)';
  }
  return error instanceof Error ? error.message : String(error);
}
