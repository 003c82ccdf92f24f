/** Writes what the decoder's bit reader reads. */

import type { Codebook } from '#shared/media/aac/codebooks.ts';

/** The bytes of [value, width] pairs and of strings of 0 and 1, one after another, filled up with zeros. */
export function packBits(...fields: readonly (readonly [number, number] | string)[]): Uint8Array {
  const bits = fields
    .map((field) => (typeof field === 'string' ? field : field[0].toString(2).padStart(field[1], '0')))
    .join('');
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
}

/** The canonical codeword of a symbol, as a string of 0 and 1. */
export function codeword({ counts, symbols }: Codebook, symbol: number): string {
  const place = symbols.indexOf(symbol);
  let code = 0;
  let first = 0;
  for (let length = 1; length <= counts.length; length++) {
    code *= 2;
    const count = counts[length - 1]!;
    if (place < first + count) return (code + place - first).toString(2).padStart(length, '0');
    code += count;
    first += count;
  }
  throw new Error(`symbol ${symbol} is not in the book`);
}
