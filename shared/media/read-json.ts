/** JSON and JSON lines as text: each string with the name of its field, in reading order. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ReadText } from './read-text.ts';

/** @throws ChiasmError `corrupt_input` where the JSON is not valid */
export function readJson(source: string): ReadText {
  const value = parseJson(source, '');
  const title = titleOf(value);
  return { text: describe(value), ...(title !== undefined && { title }) };
}

/** One value a line; their texts are separated by blank lines. @throws ChiasmError `corrupt_input` with the line's number */
export function readJsonLines(source: string): ReadText {
  const texts: string[] = [];
  source.split('\n').forEach((line, i) => {
    if (line.trim() !== '') texts.push(describe(parseJson(line, ` in line ${i + 1}`)));
  });
  return { text: texts.join('\n\n') };
}

function parseJson(source: string, where: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new ChiasmError('corrupt_input', `expected JSON${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** `name: text` for each string in `value`; an element of a list has the list's name. */
function describe(value: unknown): string {
  const lines: string[] = [];
  const stack: { readonly name: string; readonly value: unknown }[] = [{ name: '', value }]; // deep nesting is cheap to write
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { name, value } = next;
    if (typeof value === 'string' && value.trim() !== '') lines.push(name === '' ? value : `${name}: ${value}`);
    else if (Array.isArray(value)) for (const element of value.toReversed()) stack.push({ name, value: element });
    else if (typeof value === 'object' && value !== null) {
      for (const [field, inner] of Object.entries(value).reverse()) stack.push({ name: field, value: inner });
    }
  }
  return lines.join('\n');
}

function titleOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(
    (entry): entry is [string, string] => /^(title|name)$/i.test(entry[0]) && typeof entry[1] === 'string',
  )?.[1];
}
