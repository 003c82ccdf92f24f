/** Bytes to characters: UTF-8, UTF-16, and old 8-bit files. What is not text is told apart from what is. */

/** NUL and the other control characters that no text holds; tab, line ends, form feed and escape do occur. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
const BINARY_CHARACTER = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/;

/** Windows-1252 puts C1 controls where it has no character; real text in it never has them. */
const C1_CONTROL = /[\u0080-\u009f]/;

/** Western text in Windows-1252 is mostly ASCII; compressed or random bytes are half not. */
const MOST_NON_ASCII = 0.3;

/**
 * The text in `bytes` without a byte order mark, or undefined when they are not text. In order: a byte order mark
 * decides; zero bytes in every second place are UTF-16; valid UTF-8 is UTF-8; else Windows-1252 (which holds Latin-1)
 * if it reads as text. `partial`: the bytes are only the head of a file and may end inside a character.
 */
export function decodeText(bytes: Uint8Array, partial = false): string | undefined {
  const unicode = decodeAs(unicodeEncoding(bytes), bytes, partial);
  if (unicode !== undefined) return BINARY_CHARACTER.test(unicode) ? undefined : unicode;
  const nonAscii = bytes.reduce((count, byte) => count + (byte > 127 ? 1 : 0), 0);
  if (nonAscii > bytes.length * MOST_NON_ASCII) return undefined;
  const western = decodeAs('windows-1252', bytes, partial);
  if (western === undefined || BINARY_CHARACTER.test(western) || C1_CONTROL.test(western)) return undefined;
  return western;
}

function unicodeEncoding(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  let evenZeros = 0;
  let oddZeros = 0;
  const pairs = Math.min(bytes.length, 1024) >> 1;
  for (let i = 0; i < pairs; i++) {
    if (bytes[2 * i] === 0) evenZeros++;
    if (bytes[2 * i + 1] === 0) oddZeros++;
  }
  if (pairs > 1 && evenZeros === 0 && oddZeros > pairs * 0.7) return 'utf-16le';
  if (pairs > 1 && oddZeros === 0 && evenZeros > pairs * 0.7) return 'utf-16be';
  return 'utf-8';
}

function decodeAs(encoding: string, bytes: Uint8Array, partial: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: partial });
  } catch {
    return undefined; // a value here: the bytes are in another encoding
  }
}
