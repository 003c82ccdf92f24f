/** Object keys: slash-separated paths, the same rules for folders, S3 and the API. */

import { ChiasmError } from './errors.ts';

const MAX_KEY_BYTES = 1024; // Amazon S3's limit
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/u;

/** Why `key` is refused, or undefined when it is valid. */
export function objectKeyProblem(key: string): string | undefined {
  if (key === '') return 'a key must not be empty';
  if (Buffer.byteLength(key, 'utf8') > MAX_KEY_BYTES) return `a key must be at most ${MAX_KEY_BYTES} bytes of UTF-8`;
  if (!key.isWellFormed()) return 'a key must be well-formed Unicode';
  if (CONTROL_CHARACTER.test(key)) return 'a key must not contain control characters';
  if (key.includes('\\')) return 'a key must not contain a backslash; separate its parts with "/"';
  const segments = key.split('/');
  if (segments.includes('')) return 'a key must not start or end with "/" or contain "//"';
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'a key must not contain "." or ".."';
  return undefined;
}

/**
 * Returns `key` unchanged when it is valid.
 * @throws ChiasmError `invalid_key` with the rule that it breaks
 */
export function parseObjectKey(key: string): string {
  const problem = objectKeyProblem(key);
  if (problem !== undefined)
    throw new ChiasmError('invalid_key', `${problem}; got ${JSON.stringify(key.slice(0, 200))}`);
  return key;
}
