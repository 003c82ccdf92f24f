/**
 * The quantised coefficients of one channel and their values: x = sign(q) |q|^(4/3) 2^((scale factor - 100) / 4).
 * Source: ISO/IEC 14496-3, 4.4.2.7 and 4.6.1 to 4.6.5.
 */

import type { BitReader } from './bit-reader.ts';
import { type ChannelStream, forEachBand } from './channel-stream.ts';
import { SPECTRAL_CODEBOOKS } from './codebooks.ts';
import { createSpectralTable, readSymbol, type SpectralTable } from './huffman.ts';
import { damaged } from './refusals.ts';
import { FRAME_SAMPLES } from './window-info.ts';

/** Added to the magnitude of a single coefficient of a long window. 4.6.5. */
export interface Pulse {
  readonly coefficient: number;
  readonly amplitude: number;
}

/** By the number of the book. */
const TABLES: readonly (SpectralTable | undefined)[] = [undefined, ...SPECTRAL_CODEBOOKS.map(createSpectralTable)];

/** In the last book the greatest magnitude stands for an escape sequence. 4.6.3.3. */
const ESCAPE_BOOK = 11;
const ESCAPE = 16;
const LONGEST_ESCAPE = 8; // to 8,191, the greatest coefficient

const MAX_MAGNITUDE = 8191 + 4 * 15; // four pulses may meet
const POWERS = Float64Array.from({ length: MAX_MAGNITUDE + 1 }, (_, magnitude) => magnitude ** (4 / 3));

/** Fills the spectrum; the bands of noise and intensity stay 0. */
export function readSpectrum(bits: BitReader, stream: ChannelStream, pulses: readonly Pulse[]): void {
  const { info, books, scaleFactors, spectrum } = stream;
  const quantised = new Int32Array(FRAME_SAMPLES);
  forEachBand(info, (band, start, end) => {
    const book = books[band]!;
    const table = TABLES[book];
    if (table !== undefined) readBand(bits, table, book === ESCAPE_BOOK, quantised, start, end);
  });
  bits.check();
  for (const { coefficient, amplitude } of pulses) {
    quantised[coefficient]! += quantised[coefficient]! > 0 ? amplitude : -amplitude;
  }
  forEachBand(info, (band, start, end) => {
    if (TABLES[books[band]!] === undefined) return;
    const scale = 2 ** ((scaleFactors[band]! - 100) / 4);
    for (let k = start; k < end; k++) {
      const q = quantised[k]!;
      spectrum[k] = q < 0 ? -POWERS[-q]! * scale : POWERS[q]! * scale;
    }
  });
}

function readBand(
  bits: BitReader,
  table: SpectralTable,
  hasEscapes: boolean,
  quantised: Int32Array,
  start: number,
  end: number,
): void {
  const { dimension, values, isSigned } = table;
  for (let k = start; k < end; k += dimension) {
    const from = readSymbol(bits, table) * dimension;
    for (let i = 0; i < dimension; i++) {
      const value = values[from + i]!;
      quantised[k + i] = !isSigned && value !== 0 && bits.readFlag() ? -value : value;
    }
    if (!hasEscapes) continue;
    for (let i = k; i < k + dimension; i++) {
      if (quantised[i] === ESCAPE) quantised[i] = readEscape(bits);
      else if (quantised[i] === -ESCAPE) quantised[i] = -readEscape(bits);
    }
  }
}

/** n ones, a zero, and n + 4 bits, which follow a leading one. */
function readEscape(bits: BitReader): number {
  let ones = 0;
  while (bits.readFlag()) if (++ones > LONGEST_ESCAPE) throw damaged('a coefficient is out of range');
  return 2 ** (ones + 4) + bits.read(ones + 4);
}
