/**
 * What has arrived of a file: `NAME.part`, and beside it `NAME.part.json` with the place it comes from, so that the rest is
 * asked of the same version (If-Range).
 */

import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const originSchema = z.object({ url: z.string(), validator: z.string().optional() });

export interface PartFile {
  readonly sizeBytes: number;
  /** A strong ETag. */
  readonly validator: string | undefined;
}

export interface PartWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export const partPath = (target: string): string => `${target}.part`;

/** What there is of `target` from `url`; a part of another origin counts for nothing. */
export async function findPart(target: string, url: string): Promise<PartFile> {
  const stats = await stat(partPath(target)).catch(() => undefined);
  const text = await readFile(`${partPath(target)}.json`, 'utf8').catch(() => '{}');
  const origin = originSchema.safeParse(parse(text));
  if (!stats?.isFile() || !origin.success || origin.data.url !== url) return { sizeBytes: 0, validator: undefined };
  return { sizeBytes: stats.size, validator: origin.data.validator };
}

/** Opens the part for what comes after its first `from` bytes; the rest of it is cut off. */
export async function openPart(
  target: string,
  from: number,
  origin: z.output<typeof originSchema>,
): Promise<PartWriter> {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(`${partPath(target)}.json`, JSON.stringify(origin));
  const handle = await open(partPath(target), from === 0 ? 'w' : 'r+');
  let position = from;
  return {
    write: async (bytes) => {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position);
        written += bytesWritten;
        position += bytesWritten;
      }
    },
    close: () => handle.close(),
  };
}

export async function discardPart(target: string): Promise<void> {
  await rm(partPath(target), { force: true });
  await rm(`${partPath(target)}.json`, { force: true });
}

/** The part becomes the file, at once: whole, or not at all, also when the power fails. */
export async function completePart(target: string): Promise<void> {
  const handle = await open(partPath(target), 'r+');
  await handle.sync().finally(() => handle.close());
  await rename(partPath(target), target);
  await rm(`${partPath(target)}.json`, { force: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off by a crash: the part is fetched anew
  }
}
