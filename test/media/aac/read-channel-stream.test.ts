import { describe, expect, it } from 'vitest';
import { BitReader } from '#shared/media/aac/bit-reader.ts';
import { type Codebook, SCALE_FACTOR_CODEBOOK, SPECTRAL_CODEBOOKS } from '#shared/media/aac/codebooks.ts';
import { createHuffmanTable, readSymbol } from '#shared/media/aac/huffman.ts';
import { readChannelStream } from '#shared/media/aac/read-channel-stream.ts';
import { codeword, packBits } from './bit-writer.ts';

const AT_44100 = 4;
const NO_DIFFERENCE = codeword(SCALE_FACTOR_CODEBOOK, 60);

/** A channel of one long window with a single band of four coefficients, at scale factor 100, where values are |q|^(4/3). */
const oneBand = (book: number, pulses: string, spectrum: string) =>
  packBits([100, 8], '0', [0, 2], '0', [1, 6], '0', [book, 4], [1, 5], NO_DIFFERENCE, pulses, '0', '0', spectrum);

const read = (bytes: Uint8Array) => readChannelStream(new BitReader(bytes), AT_44100);
const symbolOf = (book: number, ...digits: number[]) =>
  digits.reduce((sum, digit) => sum * SPECTRAL_CODEBOOKS[book - 1]!.base + digit, 0);
const word = (book: number, ...digits: number[]) => codeword(SPECTRAL_CODEBOOKS[book - 1]!, symbolOf(book, ...digits));

describe('codebooks', () => {
  it.each<[string, Codebook]>([
    ['of scale factors', SCALE_FACTOR_CODEBOOK],
    ...SPECTRAL_CODEBOOKS.map((book, i): [string, Codebook] => [String(i + 1), book]),
  ])('the book %s uses all codewords and each symbol once, and reads what is written', (_name, book) => {
    const share = book.counts.reduce((sum, count, i) => sum + count / 2 ** (i + 1), 0);
    expect(share).toBe(1); // Kraft: no codeword is left over
    expect([...book.symbols].sort((a, b) => a - b)).toEqual(book.symbols.map((_, i) => i));
    const bits = new BitReader(packBits(...book.symbols.map((symbol) => codeword(book, symbol))));
    const table = createHuffmanTable(book);
    expect(book.symbols.map(() => readSymbol(bits, table))).toEqual(book.symbols);
  });
});

describe('readChannelStream', () => {
  it('reads signed coefficients', () => {
    const { spectrum } = read(oneBand(1, '0', word(1, 2, 0, 1, 2)));
    expect([...spectrum.subarray(0, 5)]).toEqual([1, -1, 0, 1, 0]);
  });

  it('reads signs behind the codewords of books without them', () => {
    const { spectrum } = read(oneBand(7, '0', `${word(7, 7, 1)}01${word(7, 0, 2)}1`));
    expect([...spectrum.subarray(0, 4)]).toEqual([7 ** (4 / 3), -1, 0, -(2 ** (4 / 3))]);
  });

  it('reads escapes up to the greatest coefficient', () => {
    const escapes = `${word(11, 16, 16)}10${'0'}0011${'111111110'}${'1'.repeat(12)}`;
    const { spectrum } = read(oneBand(11, '0', `${escapes}${word(11, 0, 0)}`));
    expect([...spectrum.subarray(0, 4)]).toEqual([-(19 ** (4 / 3)), 8191 ** (4 / 3), 0, 0]);
    expect(() => read(oneBand(11, '0', `${word(11, 16, 16)}00${'1'.repeat(9)}`))).toThrow('out of range');
  });

  it('adds pulses to magnitudes', () => {
    const pulses = packBits('1', [1, 2], [0, 6], [0, 5], [3, 4], [1, 5], [5, 4]); // +3 at 0, 5 at 1
    const bits = [...pulses]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, 27);
    const { spectrum } = read(oneBand(1, bits, word(1, 2, 0, 1, 1)));
    expect([...spectrum.subarray(0, 3)]).toEqual([4 ** (4 / 3), -(6 ** (4 / 3)), 0]);
  });

  it.each([
    ['ends too early', oneBand(1, '0', '').subarray(0, 3)],
    ['more bands', packBits([100, 8], '0', [0, 2], '0', [63, 6])],
    ['predicted', packBits([100, 8], '0', [0, 2], '0', [1, 6], '1')],
    ['does not exist', packBits([100, 8], '0', [0, 2], '0', [1, 6], '0', [12, 4])],
    ['too long', packBits([100, 8], '0', [0, 2], '0', [1, 6], '0', [1, 4], [2, 5], [0, 16])],
    ['gain control', packBits([100, 8], '0', [0, 2], '0', [0, 6], '0', '001', [0, 16])],
    ['longer than', packBits([100, 8], '0', [0, 2], '0', [0, 6], '0', '01', [1, 2], '0', [1, 6], [13, 5], [0, 32])],
  ])('refuses a frame that is damaged: %s', (message, bytes) => {
    expect(() => read(bytes)).toThrow(message);
  });
});
