/**
 * Content types and metadata of a file store: one small file for each object that has any, apart from the objects.
 * It names the versions that it describes by their etags. So a writer stores the new version's entry first and renames the
 * bytes into place afterwards, and a reader never pairs the bytes of one version with the metadata of another.
 */

import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { hasMetadata } from './check-metadata.ts';
import { isAbsent } from './file-error.ts';
import type { ObjectMetadata } from './object-store.ts';
import { writeTemporary } from './temporary-files.ts';

const Beside = z.object({
  contentType: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
const Sidecar = z.object({ key: z.string(), versions: z.record(z.string(), Beside) });

export interface FileMetadata {
  /** What is kept beside this version of the object; undefined when nothing is. */
  read(key: string, etag: string): Promise<ObjectMetadata | undefined>;
  /** To be called before version `next` replaces `current`: keeps what is known of both. */
  prepare(key: string, next: string, beside: ObjectMetadata, current: string | undefined): Promise<void>;
  /** To be called after an object without metadata has replaced one, or after the object is gone. */
  remove(key: string): Promise<void>;
}

/** @param folder where the metadata files lie; @param temporaryFolder on the same file system */
export function createFileMetadata(folder: string, temporaryFolder: string): FileMetadata {
  function path(key: string): string {
    const digest = createHash('sha256').update(key).digest('hex');
    return join(folder, digest.slice(0, 2), `${digest}.json`);
  }

  async function read(key: string, etag: string): Promise<ObjectMetadata | undefined> {
    let text: string;
    try {
      text = await readFile(path(key), 'utf8');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
    return parse(text, path(key)).versions[etag];
  }

  return {
    read,
    async prepare(key, next, beside, current) {
      if (!hasMetadata(beside)) return;
      const kept = current === undefined ? undefined : await read(key, current);
      const versions = { ...(current !== undefined && kept !== undefined ? { [current]: kept } : {}), [next]: beside };
      const temporary = await writeTemporary(temporaryFolder, Buffer.from(JSON.stringify({ key, versions })));
      await mkdir(dirname(path(key)), { recursive: true });
      await rename(temporary, path(key));
    },
    remove: (key) => rm(path(key), { force: true }),
  };
}

function parse(text: string, path: string): z.infer<typeof Sidecar> {
  try {
    return Sidecar.parse(JSON.parse(text));
  } catch (error) {
    const message = `the metadata file ${path} is damaged; remove it to read the object without its metadata`;
    throw new ChiasmError('state_corrupt', message, { cause: error });
  }
}
