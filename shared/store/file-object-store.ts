/**
 * A folder as an object store. An object is a file at its key's path (see `key-path.ts`), replaced by an atomic rename.
 * Writers of any number of processes exclude each other for the moment of the rename, so conditions hold between them.
 *
 * What differs from Amazon S3: a file system cannot hold the keys `a` and `a/b` at once, so the second one is refused with
 * `conflict`; where it ignores case or Unicode normalisation, so is a key that differs from an existing one only in that.
 * Symbolic links in the folder are no objects and are not followed.
 */

import { mkdirSync, realpathSync } from 'node:fs';
import { readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { objectKeyProblem, parseObjectKey } from '#shared/core/object-key.ts';
import { checkRange } from './byte-range.ts';
import { checkMetadata, hasMetadata } from './check-metadata.ts';
import { attempt, isAbsent, quote, toStorageError } from './file-error.ts';
import { createFileMetadata } from './file-metadata.ts';
import {
  type FileVersion,
  fileVersion,
  type OpenFile,
  openFile,
  readAndClose,
  streamAndClose,
} from './file-version.ts';
import { createFolderLock } from './folder-lock.ts';
import { keyPath, longSegmentPiece, STORE_FOLDER, segmentOfName } from './key-path.ts';
import type { ListOptions, ObjectInfo, ObjectMetadata, ObjectStore, PutOptions, PutResult } from './object-store.ts';
import { isOwnPath, makeParents, removeIfEmpty, requireOwnPlace, syncFolders, versionAt } from './own-path.ts';
import { removeAbandoned, writeTemporary } from './temporary-files.ts';
import { type FolderEntry, folderOfPrefix, inBatches, walkFolder } from './walk-folder.ts';

export interface FileObjectStoreOptions {
  /** Gives objects their modification times. @default the system's clock */
  readonly clock?: Clock;
}

/** Files that are looked at together while listing. */
const LIST_BATCH = 64;
/** Tried in turn until a new version's time differs from the old one's: file systems keep 1 ns to 2 s of precision. */
const TIME_STEPS_MICROSECONDS = [0, 1, 1_000, 1_000_000, 4_000_000];

/**
 * The store in `folder`, which is created when it does not exist. Removes what killed writers have left there.
 * @throws ChiasmError `storage_unavailable` when the folder cannot be created or written
 */
export function createFileObjectStore(folder: string, options: FileObjectStoreOptions = {}): ObjectStore {
  const { clock = systemClock } = options;
  const root = prepareRoot(folder);
  const temporaryFolder = join(root, STORE_FOLDER, 'temporary');
  const metadata = createFileMetadata(join(root, STORE_FOLDER, 'metadata'), temporaryFolder);
  const lock = createFolderLock(join(root, STORE_FOLDER, 'lock.sqlite'));
  let lastMicroseconds = 0;

  /** The open file with what is kept beside exactly this version. */
  async function openObject(key: string): Promise<(OpenFile & { readonly beside: ObjectMetadata }) | undefined> {
    const path = keyPath(root, parseObjectKey(key));
    for (;;) {
      if (!(await isOwnPath(path))) return undefined;
      const file = await openFile(path);
      if (file === undefined) return undefined;
      try {
        const beside = await metadata.read(key, file.version.etag);
        if (beside !== undefined) return { ...file, beside };
        // Nothing is kept of this version, unless newer ones have come since it was opened and dropped its entry.
        if ((await versionAt(path))?.etag === file.version.etag) return { ...file, beside: {} };
      } catch (error) {
        await file.handle.close();
        throw error;
      }
      await file.handle.close();
    }
  }

  /** Under the lock: moves a finished temporary file to its place if the conditions hold. */
  async function place(
    temporary: string,
    key: string,
    path: string,
    put: PutOptions,
  ): Promise<PutResult & { made?: string }> {
    await requireOwnPlace(root, path, key);
    const current = await versionAt(path);
    if (put.ifAbsent && current !== undefined) return { written: false };
    if (put.ifMatch !== undefined && current?.etag !== put.ifMatch) return { written: false };
    const made = await makeParents(path, key);
    const etag = await stamp(temporary, current);
    await metadata.prepare(key, etag, put, current?.etag);
    await rename(temporary, path);
    if (current !== undefined && !hasMetadata(put)) await metadata.remove(key);
    return made === undefined ? { written: true, etag } : { written: true, etag, made };
  }

  /**
   * Sets a modification time that no earlier version of the key had, and returns the etag that it gives. The file system's
   * own clock ticks every few milliseconds and inodes are used again, so two puts in one tick could look the same. This
   * time is later than that of every file this process has written and that of the version to be replaced; after a delete
   * another process would have to hit the same microsecond, size and inode.
   */
  async function stamp(temporary: string, current: FileVersion | undefined): Promise<string> {
    const nowMicroseconds = Math.floor(clock.now()) * 1000 + Math.floor(Math.random() * 1000);
    const afterCurrent = current === undefined ? 0 : (current.modifiedAtMs + 2) * 1000; // whole ms, and rounding
    lastMicroseconds = Math.max(nowMicroseconds, lastMicroseconds + 1, afterCurrent);
    for (const step of TIME_STEPS_MICROSECONDS) {
      const seconds = (lastMicroseconds + step) / 1e6;
      await utimes(temporary, seconds, seconds);
      const { etag } = fileVersion(await stat(temporary, { bigint: true }));
      if (etag !== current?.etag) return etag;
    }
    throw new ChiasmError('storage_unavailable', `the file system of ${root} does not keep modification times`);
  }

  async function put(key: string, body: Parameters<ObjectStore['put']>[1], putOptions: PutOptions): Promise<PutResult> {
    const path = keyPath(root, parseObjectKey(key));
    checkMetadata(putOptions);
    const temporary = await writeTemporary(temporaryFolder, body);
    try {
      const { made, ...result } = await lock.run(() => place(temporary, key, path, putOptions));
      if (result.written) await syncFolders(dirname(path), made === undefined ? dirname(path) : dirname(made));
      return result;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Under the lock: removes the file, its metadata, and folders that are empty then. */
  async function remove(key: string, path: string): Promise<void> {
    if (!(await isOwnPath(path)) || (await versionAt(path)) === undefined) return;
    await unlink(path);
    await metadata.remove(key);
    await syncFolders(dirname(path), dirname(path));
    for (let parent = dirname(path); parent !== root; parent = dirname(parent)) {
      if (!(await removeIfEmpty(parent))) return;
    }
  }

  async function* list(listOptions: ListOptions): AsyncGenerator<ObjectInfo> {
    const keyPrefix = folderOfPrefix(listOptions.prefix ?? '');
    if (keyPrefix === undefined) return;
    const start = keyPrefix === '' ? root : keyPath(root, keyPrefix.slice(0, -1));
    if (!(await isOwnPath(start))) return;
    const files = walkFolder(start, keyPrefix, readEntries, listOptions);
    for await (const batch of inBatches(files, LIST_BATCH)) {
      const infos = await Promise.all(batch.map((file) => objectInfo(root, file)));
      for (const info of infos) if (info !== undefined) yield info;
    }
  }

  return {
    get: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        if (range !== undefined) checkRange(range);
        const file = await openObject(key);
        return file && { key, ...file.version, ...file.beside, bytes: await readAndClose(file, range) };
      }),
    getIfChanged: (key, etag) =>
      attempt(`read ${quote(key)}`, async () => {
        const file = await openObject(key);
        if (file?.version.etag !== etag) {
          return file && { key, ...file.version, ...file.beside, bytes: await readAndClose(file, undefined) };
        }
        await file.handle.close();
        return 'unchanged';
      }),
    stream: (key, { range } = {}) =>
      attempt(`read ${quote(key)}`, async () => {
        if (range !== undefined) checkRange(range);
        const file = await openObject(key);
        return file && { key, ...file.version, ...file.beside, body: await streamAndClose(file, range) };
      }),
    head: (key) =>
      attempt(`read ${quote(key)}`, async () => {
        const file = await openObject(key);
        await file?.handle.close();
        return file && { key, ...file.version, ...file.beside };
      }),
    put: (key, body, putOptions = {}) => attempt(`store ${quote(key)}`, () => put(key, body, putOptions)),
    delete: (key) =>
      attempt(`delete ${quote(key)}`, async () => {
        const path = keyPath(root, parseObjectKey(key));
        await lock.run(() => remove(key, path));
      }),
    async *list(listOptions = {}) {
      try {
        yield* list(listOptions);
      } catch (error) {
        throw toStorageError(error, `list ${root}`);
      }
    },
    localPath: (key) =>
      attempt(`find ${quote(key)}`, async () => {
        const path = keyPath(root, parseObjectKey(key));
        return (await isOwnPath(path)) && (await versionAt(path)) !== undefined ? path : undefined;
      }),
  };
}

function prepareRoot(folder: string): string {
  try {
    mkdirSync(join(folder, STORE_FOLDER, 'temporary'), { recursive: true });
    const root = realpathSync.native(folder);
    removeAbandoned(join(root, STORE_FOLDER, 'temporary'));
    return root;
  } catch (error) {
    throw toStorageError(error, `open ${folder}`);
  }
}

async function readEntries(path: string): Promise<readonly FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for (const found of await readFolder(path)) {
    const child = join(path, found.name);
    const piece = longSegmentPiece(found.name);
    if (piece !== undefined && found.isDirectory()) {
      for (const rest of await readEntries(child)) entries.push({ ...rest, segment: piece + rest.segment });
    } else if (found.isFile() || (found.isDirectory() && found.name !== STORE_FOLDER)) {
      entries.push({ segment: segmentOfName(found.name), path: child, kind: found.isFile() ? 'file' : 'folder' });
    }
  }
  return entries;
}

async function readFolder(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Undefined for files that are gone meanwhile, and for files put there by others under names that are no keys. */
async function objectInfo(root: string, file: { key: string; path: string }): Promise<ObjectInfo | undefined> {
  if (objectKeyProblem(file.key) !== undefined || keyPath(root, file.key) !== file.path) return undefined;
  const version = await versionAt(file.path);
  return version && { key: file.key, ...version };
}
