/**
 * A user's own folder, which Chiasm reads and never writes. Keys are paths relative to it. Hidden names (a leading dot) are
 * not objects, neither listed nor readable. Symbolic links are followed where they lead out of the folder, one on the way to
 * an object; what lies inside is found at its own place, so links back into the folder, and loops, add nothing.
 */

import { realpath, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import { checkRange } from './byte-range.ts';
import { attempt, isAbsent, quote, toStorageError } from './file-error.ts';
import { fileVersion, openFile, readAndClose, streamAndClose } from './file-version.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from './object-store.ts';
import { createEntryReader, isHidden, isReachable, reasonOf, type SkippedEntry } from './user-folder.ts';
import { folderOfPrefix, inBatches, walkFolder } from './walk-folder.ts';

export interface FolderObjectStoreOptions {
  /** Called for each entry that a listing leaves out, again at each listing. @default ignores them */
  readonly onSkipped?: (entry: SkippedEntry) => void;
}

const LIST_BATCH = 64;
/** Linux file systems that make up inode numbers at every mount (statfs types): FAT, exFAT, CIFS, SMB2, FUSE. */
const INVENTED_INODES = new Set([0x4d44, 0x2011bab0, 0xff534d42, 0xfe534d42, 0x65735546]);

/** The store over `folder`, which need not exist yet: reads then fail with `storage_unavailable`, never look empty. */
export function createFolderObjectStore(folder: string, options: FolderObjectStoreOptions = {}): ObjectStore {
  const { onSkipped = () => {} } = options;
  let opened: Promise<Root> | undefined;

  /** Looked up again after a failure: a drive may be connected later. */
  function openRoot(): Promise<Root> {
    opened ??= findRoot(folder).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }

  async function openObject(key: string) {
    const { root, inodesAreStable } = await openRoot();
    const path = join(root, ...parseObjectKey(key).split('/'));
    if (isHidden(key)) return undefined;
    if (!(await isReachable(path, root))) {
      await requireFolder(root);
      return undefined;
    }
    const file = await openFile(path, { inodesAreStable });
    return file && { ...file, path };
  }

  async function* list(listOptions: ListOptions): AsyncGenerator<ObjectInfo> {
    const { root, inodesAreStable } = await openRoot();
    await requireFolder(root);
    const keyPrefix = folderOfPrefix(listOptions.prefix ?? '');
    if (keyPrefix === undefined || isHidden(keyPrefix)) return;
    const start = join(root, ...keyPrefix.slice(0, -1).split('/'));
    if (!(await isReachable(start, root))) return;
    const files = walkFolder(start, keyPrefix, createEntryReader(root, onSkipped), listOptions);
    for await (const batch of inBatches(files, LIST_BATCH)) {
      const infos = await Promise.all(batch.map((file) => objectInfo(file, inodesAreStable)));
      for (const info of infos) if (info !== undefined) yield info;
    }
  }

  async function objectInfo(
    file: { key: string; path: string },
    inodesAreStable: boolean,
  ): Promise<ObjectInfo | undefined> {
    try {
      const found = await stat(file.path, { bigint: true });
      return found.isFile() ? { key: file.key, ...fileVersion(found, { inodesAreStable }) } : undefined;
    } catch (error) {
      if (!isAbsent(error)) onSkipped({ path: file.key, problem: 'unreadable', reason: reasonOf(error) });
      return undefined; // absent: deleted since its folder was read, or a link that leads nowhere
    }
  }

  return {
    get: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        if (range !== undefined) checkRange(range);
        const file = await openObject(key);
        return file && { key, ...file.version, bytes: await readAndClose(file, range) };
      }),
    getIfChanged: (key, etag) =>
      attempt(`read ${quote(key)}`, async () => {
        const file = await openObject(key);
        if (file?.version.etag !== etag) {
          return file && { key, ...file.version, bytes: await readAndClose(file, undefined) };
        }
        await file.handle.close();
        return 'unchanged';
      }),
    stream: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        if (range !== undefined) checkRange(range);
        const file = await openObject(key);
        return file && { key, ...file.version, body: await streamAndClose(file, range) };
      }),
    head: (key) =>
      attempt(`read ${quote(key)}`, async () => {
        const file = await openObject(key);
        await file?.handle.close();
        return file && { key, ...file.version };
      }),
    localPath: (key) =>
      attempt(`read ${quote(key)}`, async () => {
        const file = await openObject(key);
        await file?.handle.close();
        return file?.path;
      }),
    async *list(listOptions = {}) {
      try {
        yield* list(listOptions);
      } catch (error) {
        throw toStorageError(error, `list ${folder}`);
      }
    },
    put: async (key) => refuseToWrite(folder, key),
    delete: async (key) => refuseToWrite(folder, key),
  };
}

interface Root {
  readonly root: string;
  readonly inodesAreStable: boolean;
}

async function findRoot(folder: string): Promise<Root> {
  try {
    const root = await realpath(folder);
    return { root, inodesAreStable: !INVENTED_INODES.has((await statfs(root)).type) };
  } catch (error) {
    throw unavailable(folder, error);
  }
}

/** @throws ChiasmError `storage_unavailable` when the folder is gone: a disconnected drive is not an empty one */
async function requireFolder(root: string): Promise<void> {
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    throw unavailable(root, error);
  }
  throw unavailable(root, new Error('it is not a folder'));
}

function unavailable(folder: string, cause: unknown): ChiasmError {
  const message = `cannot read the folder ${folder}: ${reasonOf(cause)}. Check that it exists, and that its drive is connected`;
  return new ChiasmError('storage_unavailable', message, { cause, retryable: true });
}

function refuseToWrite(folder: string, key: string): never {
  throw new ChiasmError('invalid_request', `${folder} is only read, never written; refused to change ${quote(key)}`);
}
