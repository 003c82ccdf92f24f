/** SHA-256 of the files of a model: against the card that lists them, or to give a folder without a card its name. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Issue } from '#shared/core/errors.ts';
import type { ModelCard } from './model-card.ts';

const READ_BYTES = 1024 * 1024;

/** SHA-256 of a file, 64 hexadecimal digits. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), hash);
  return hash.digest('hex');
}

/**
 * What is wrong with the files that a card lists: missing, of another size, of other content. Empty when all is well.
 */
export async function verifyFiles(folder: string, files: ModelCard['files']): Promise<Issue[]> {
  const issues = await Promise.all(
    Object.entries(files).map(async ([path, expected]): Promise<Issue | undefined> => {
      const stats = await stat(join(folder, path)).catch(() => undefined);
      if (!stats?.isFile()) return { path, message: 'the card lists it and it is missing' };
      if (stats.size !== expected.sizeBytes) {
        return { path, message: `the card says ${expected.sizeBytes} bytes, the file has ${stats.size}` };
      }
      const digest = await fileDigest(join(folder, path));
      if (digest === expected.sha256) return undefined;
      return { path, message: `the card says SHA-256 ${short(expected.sha256)}, the file has ${short(digest)}` };
    }),
  );
  return issues.filter((issue) => issue !== undefined);
}

/** Files that a model uses and its card does not list: nobody could tell whether they are the right ones. */
export function unlistedFiles(files: ModelCard['files'], used: readonly string[]): Issue[] {
  return used
    .filter((path) => files[path] === undefined)
    .map((path) => ({ path, message: 'the model uses it and the card does not list it in "files"' }));
}

/** One digest for a set of files, whatever their order: SHA-256 over the lines `path digest`. */
export function combineDigests(digests: Readonly<Record<string, string>>): string {
  const lines = Object.entries(digests)
    .map(([path, digest]) => `${path} ${digest}\n`)
    .sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

const short = (digest: string): string => `${digest.slice(0, 12)}...`;
