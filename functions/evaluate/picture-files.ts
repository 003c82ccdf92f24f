/** Pictures of a data set as objects whose keys are their numbers, so that no name says what they show. */

import { readFile, stat } from 'node:fs/promises';
import type { ObjectStore } from '#shared/store/object-store.ts';

export function createPictureFiles(paths: readonly string[]): Pick<ObjectStore, 'head' | 'get'> {
  const head: ObjectStore['head'] = async (key) => {
    const { size, mtimeMs } = await stat(paths[Number(key)]!);
    return { key, etag: `${size}-${mtimeMs}`, sizeBytes: size, modifiedAtMs: mtimeMs };
  };
  return {
    head,
    get: async (key) => ({ ...(await head(key))!, bytes: await readFile(paths[Number(key)]!) }),
  };
}
