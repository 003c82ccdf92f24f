/** An object of JSON lines, read as a stream: memory is that of the rows, and of one line. */

import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { Problems } from './problems.ts';

export interface DatasetLimits {
  /** Rows of one data set: their features, three vectors of 256 numbers each, take 300 MB. */
  readonly rows: number;
  /** Bytes of the object; its texts are held in memory. */
  readonly bytes: number;
}

export const DEFAULT_DATASET_LIMITS: DatasetLimits = { rows: 100_000, bytes: 256_000_000 };

export type Row<Value> = Value & { readonly line: number };

/** A row is a few keys, numbers and a text of at most some pages. */
const LINE_CHARACTERS = 1_000_000;
/** Rows in a few words: everything of one row. */
const PROBLEMS_PER_ROW = 3;

/**
 * The rows that fit the schema, with their line numbers from 1; problems of the others are added to `problems`. Empty
 * lines are skipped.
 * @throws ChiasmError `not_found` without such an object, `too_large` over a limit
 */
export async function readJsonLines<Value extends object>(
  store: Pick<ObjectStore, 'stream'>,
  key: string,
  schema: z.ZodType<Value>,
  problems: Problems,
  limits: DatasetLimits = DEFAULT_DATASET_LIMITS,
): Promise<Row<Value>[]> {
  const object = await store.stream(key);
  if (object === undefined) throw new ChiasmError('not_found', `there is no object ${JSON.stringify(key)} to train on`);
  try {
    if (object.sizeBytes > limits.bytes) throw tooLarge(`${limits.bytes} bytes, got ${object.sizeBytes}`);
    const rows: Row<Value>[] = [];
    let line = 0;
    let filled = 0;
    for await (const text of createInterface({ input: object.body, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (text.trim() === '') continue;
      filled += 1;
      if (filled > limits.rows) throw tooLarge(`${limits.rows} rows; train on a sample of them`);
      const value = parseLine(line === 1 ? text.replace(/^\ufeff/, '') : text, schema, (message) =>
        problems.add(line, message),
      );
      if (value !== undefined) rows.push({ ...value, line });
    }
    if (filled === 0) problems.add(undefined, 'expected JSON lines, got an empty object');
    return rows;
  } finally {
    object.body.destroy();
  }
}

function parseLine<Value>(
  text: string,
  schema: z.ZodType<Value>,
  refuse: (message: string) => void,
): Value | undefined {
  if (text.length > LINE_CHARACTERS) {
    refuse(`expected a row of at most ${LINE_CHARACTERS} characters, got ${text.length}`);
    return undefined;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    const hint = /\b(NaN|Infinity)\b/.test(text)
      ? '; NaN and Infinity are no JSON, write null for a missing value'
      : '';
    refuse(`expected one JSON object in a line, got ${JSON.stringify(text.slice(0, 60))}${hint}`);
    return undefined;
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues.slice(0, PROBLEMS_PER_ROW)) {
    const path = issue.path.map((segment) => `/${String(segment)}`).join('');
    refuse(path === '' ? issue.message : `${path}: ${issue.message}`);
  }
  return undefined;
}

function tooLarge(limit: string): ChiasmError {
  return new ChiasmError('too_large', `expected a data set of at most ${limit}`);
}
