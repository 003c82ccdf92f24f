/** JSON files of a model folder, parsed through a schema, with errors that name the file and the place in it. */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';

/** The largest that we know, Gemma's tokenizer, has 34 MB. */
const MAX_JSON_BYTES = 256e6;

/** The parsed file, or undefined when there is none. @throws ChiasmError `model_invalid` with every issue, `too_large` */
export async function readJson<Schema extends z.ZodType>(
  folder: string,
  name: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const path = join(folder, name);
  const sizeBytes = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (sizeBytes > MAX_JSON_BYTES) {
    throw new ChiasmError(
      'too_large',
      `${path} has ${Math.ceil(sizeBytes / 1e6)} MB; at most ${MAX_JSON_BYTES / 1e6} are read`,
    );
  }
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ChiasmError('model_invalid', `${path} cannot be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(path, text));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({
    path: `${name}#/${issue.path.join('/')}`,
    message: issue.message,
  }));
  const summary = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new ChiasmError('model_invalid', `${path} does not fit its schema: ${summary}`, { issues });
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = text.startsWith('version https://git-lfs') ? ' (it is a Git LFS pointer: run "git lfs pull")' : '';
    throw new ChiasmError('model_invalid', `${path} is not JSON${hint}: ${(error as Error).message}`, { cause: error });
  }
}
