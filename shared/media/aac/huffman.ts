/** Decoding of canonical Huffman codes: a table for the short codewords, then length by length. */

import type { BitReader } from './bit-reader.ts';
import type { Codebook, SpectralCodebook } from './codebooks.ts';
import { damaged } from './refusals.ts';

const TABLE_BITS = 9; // covers all but the rare codewords, in 2 KB a book

export interface HuffmanTable {
  /** By the next `TABLE_BITS` bits: symbol x 32 + length; 0 for longer codewords. */
  readonly short: Int32Array;
  readonly symbols: Uint16Array;
  readonly counts: Uint16Array; // the following by length
  readonly firstCode: Int32Array;
  readonly firstPlace: Int32Array; // in `symbols`
}

export interface SpectralTable extends HuffmanTable {
  readonly dimension: number;
  readonly isSigned: boolean;
  /** `dimension` coefficients a symbol. */
  readonly values: Int8Array;
}

export function createHuffmanTable({ counts, symbols }: Codebook): HuffmanTable {
  const table: HuffmanTable = {
    short: new Int32Array(2 ** TABLE_BITS),
    symbols: Uint16Array.from(symbols),
    counts: Uint16Array.from([0, ...counts]),
    firstCode: new Int32Array(counts.length + 1),
    firstPlace: new Int32Array(counts.length + 1),
  };
  let code = 0;
  let place = 0;
  for (let length = 1; length <= counts.length; length++) {
    code *= 2;
    table.firstCode[length] = code;
    table.firstPlace[length] = place;
    for (let i = 0; i < counts[length - 1]!; i++, code++, place++) {
      const spare = TABLE_BITS - length;
      if (spare >= 0) table.short.fill(symbols[place]! * 32 + length, code << spare, (code + 1) << spare);
    }
  }
  return table;
}

export function createSpectralTable(codebook: SpectralCodebook): SpectralTable {
  const { dimension, base, offset, symbols } = codebook;
  const values = new Int8Array(symbols.length * dimension);
  for (let at = 0; at < values.length; at++) {
    const digit = dimension - 1 - (at % dimension);
    values[at] = (Math.floor(Math.floor(at / dimension) / base ** digit) % base) - offset;
  }
  return { ...createHuffmanTable(codebook), dimension, isSigned: offset > 0, values };
}

export function readSymbol(bits: BitReader, table: HuffmanTable): number {
  const entry = table.short[bits.peek(TABLE_BITS)]!;
  if (entry !== 0) {
    bits.position += entry & 31;
    return entry >> 5;
  }
  for (let length = TABLE_BITS + 1; length < table.counts.length; length++) {
    const ahead = bits.peek(length) - table.firstCode[length]!;
    if (ahead >= table.counts[length]!) continue;
    bits.position += length;
    return table.symbols[table.firstPlace[length]! + ahead]!;
  }
  throw damaged('a codeword is not in its book');
}
