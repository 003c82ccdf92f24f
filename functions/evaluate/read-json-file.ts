/** Files of data sets, read through a schema, with errors that name the file and the line. */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';

/** @throws ChiasmError `not_found` */
export async function readTextFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new ChiasmError('not_found', `${path} cannot be read: ${cause.message}`, { cause });
  });
}

/** @throws ChiasmError `not_found`, `invalid_request` */
export async function readJsonFile<Value>(path: string, schema: z.ZodType<Value>): Promise<Value> {
  return parseJson(await readTextFile(path), schema, path);
}

/** One value a line; empty lines are left out. @throws ChiasmError `not_found`, `invalid_request` */
export async function readJsonLines<Row>(path: string, schema: z.ZodType<Row>): Promise<Row[]> {
  const lines = (await readTextFile(path)).split('\n');
  return lines.flatMap((line, i) => (line.trim() === '' ? [] : [parseJson(line, schema, `${path}:${i + 1}`)]));
}

function parseJson<Value>(text: string, schema: z.ZodType<Value>, place: string): Value {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ChiasmError('invalid_request', `${place} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ChiasmError('invalid_request', `${place}: ${z.prettifyError(parsed.error)}`);
}
