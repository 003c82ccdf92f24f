/** The files below a folder in the order of their keys, one folder's names in memory at a time for each level. */

import { compareKeys } from '#shared/core/compare-keys.ts';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import type { ListOptions } from './object-store.ts';

export interface FolderEntry {
  /** The entry's segment of the key. */
  readonly segment: string;
  readonly path: string;
  readonly kind: 'file' | 'folder';
}

/** The entries of one folder in any order. `keyPrefix` is the folder's key with a "/" at its end, or empty. */
export type ReadEntries = (path: string, keyPrefix: string) => Promise<readonly FolderEntry[]>;

/** Files below the folder `path`, whose keys begin with `keyPrefix`. Folders that cannot hold a wanted key are not read. */
export async function* walkFolder(
  path: string,
  keyPrefix: string,
  readEntries: ReadEntries,
  options: ListOptions,
): AsyncGenerator<{ readonly key: string; readonly path: string }> {
  const { prefix = '', startAfter } = options;
  for (const { key, entry } of sortedByKey(await readEntries(path, keyPrefix), keyPrefix)) {
    if (entry.kind === 'file') {
      const wanted = key.startsWith(prefix) && (startAfter === undefined || compareKeys(key, startAfter) > 0);
      if (wanted) yield { key, path: entry.path };
      continue;
    }
    const onTheWay = key.startsWith(prefix) || prefix.startsWith(key);
    const passed = startAfter !== undefined && compareKeys(key, startAfter) < 0 && !startAfter.startsWith(key);
    if (onTheWay && !passed) yield* walkFolder(entry.path, key, readEntries, options);
  }
}

/** The folder that holds every key with this prefix: '' or a key with "/" at its end. Undefined when no key can match. */
export function folderOfPrefix(prefix: string): string | undefined {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder === '') return '';
  return objectKeyProblem(folder.slice(0, -1)) === undefined ? folder : undefined;
}

/** Up to `size` values at a time, in order. */
export async function* inBatches<Value>(values: AsyncIterable<Value>, size: number): AsyncGenerator<Value[]> {
  let batch: Value[] = [];
  for await (const value of values) {
    batch.push(value);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** A folder sorts where its keys do: by its name and the "/" that follows it. */
function sortedByKey(entries: readonly FolderEntry[], keyPrefix: string) {
  return entries
    .map((entry) => ({ entry, key: keyPrefix + entry.segment + (entry.kind === 'folder' ? '/' : '') }))
    .sort((a, b) => compareKeys(a.key, b.key));
}
