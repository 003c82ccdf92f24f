/**
 * How keys become file names. A key's path is its own name below the root, so that people and libraries find the file;
 * only what a file system cannot hold is spelled differently, and reversibly:
 * - a segment over 240 bytes is cut into folders that end in `.~more` and a last piece;
 * - a name that would be mistaken for one of ours (`.chiasm-store`, `x.~more`, `x.~same`) or that cutting left as `.` or
 *   `..` gets `.~same` at its end.
 */

import { join } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';

/** The store's own folder below the root: lock, temporary files, metadata. No key leads into it. */
export const STORE_FOLDER = '.chiasm-store';

const MORE = '.~more';
const SAME = '.~same';
const MAX_NAME_BYTES = 240; // file systems allow 255; the rest is for the endings
// Names that Windows refuses or reads as something else (devices, alternate streams, dropped dots and spaces).
const WINDOWS_TRAP = /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * The path of a valid key's file.
 * @throws ChiasmError `invalid_key` on Windows, for names that Windows cannot hold
 */
export function keyPath(root: string, key: string, platform: NodeJS.Platform = process.platform): string {
  const names = key.split('/').flatMap(segmentNames);
  const trap = platform === 'win32' ? names.find((name) => WINDOWS_TRAP.test(name)) : undefined;
  if (trap !== undefined) {
    throw new ChiasmError(
      'invalid_key',
      `Windows cannot hold a file named ${JSON.stringify(trap)}; choose another key`,
    );
  }
  return join(root, ...names);
}

/** The file names of one segment of a key: usually one, the segment itself. */
function segmentNames(segment: string): string[] {
  const names: string[] = [];
  let rest = segment;
  while (Buffer.byteLength(rest, 'utf8') > MAX_NAME_BYTES) {
    const piece = firstBytes(rest, MAX_NAME_BYTES);
    names.push(piece + MORE);
    rest = rest.slice(piece.length);
  }
  names.push(isOurs(rest) ? rest + SAME : rest);
  return names;
}

/** The piece of a segment that a folder `x.~more` stands for; undefined for every other name. */
export function longSegmentPiece(name: string): string | undefined {
  return name.endsWith(MORE) ? name.slice(0, -MORE.length) : undefined;
}

/** The segment, or the last piece of one, that a name stands for. */
export function segmentOfName(name: string): string {
  return name.endsWith(SAME) ? name.slice(0, -SAME.length) : name;
}

function isOurs(name: string): boolean {
  if (name === '.' || name === '..' || name.endsWith(MORE) || name.endsWith(SAME)) return true;
  return name.toLowerCase() === STORE_FOLDER; // also where the file system ignores case
}

/** The longest beginning of `text` that has at most `limit` bytes of UTF-8 and cuts no character. */
function firstBytes(text: string, limit: number): string {
  let end = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character, 'utf8');
    if (bytes > limit) break;
    end += character.length;
  }
  return text.slice(0, end);
}
