/** One channel of one frame: individual_channel_stream. Source: ISO/IEC 14496-3, 4.4.2.7 and tables 4.50 to 4.56. */

import type { BitReader } from './bit-reader.ts';
import { type ChannelStream, INTENSITY_BOOK, INTENSITY_OPPOSITE_BOOK, NOISE_BOOK } from './channel-stream.ts';
import { SCALE_FACTOR_CODEBOOK } from './codebooks.ts';
import { createHuffmanTable, readSymbol } from './huffman.ts';
import { damaged } from './refusals.ts';
import { type Pulse, readSpectrum } from './spectral-data.ts';
import { readTns, type TnsFilter } from './tns.ts';
import { FRAME_SAMPLES, readWindowInfo, type WindowInfo } from './window-info.ts';

const MAX_BANDS = 128; // eight groups of at most 15, or 51

const RESERVED_BOOK = 12;
const SCALE_FACTORS = createHuffmanTable(SCALE_FACTOR_CODEBOOK);
const SCALE_FACTOR_OFFSET = 60; // symbol of no difference
const NOISE_OFFSET = 90; // first energy, below the global gain
/** Scale factors have 8 bits. Positions and energies beyond that would be louder or softer than anything that is heard. */
const MAX_SCALE_FACTOR = 255;

/** @param shared the windows that both channels of a pair have in common; undefined where the channel has its own */
export function readChannelStream(
  bits: BitReader,
  rateIndex: number,
  shared: WindowInfo | undefined = undefined,
): ChannelStream {
  const globalGain = bits.read(8);
  const info = shared ?? readWindowInfo(bits, rateIndex);
  const books = readSections(bits, info);
  const scaleFactors = readScaleFactors(bits, books, info, globalGain);
  const pulses = bits.readFlag() ? readPulses(bits, info) : [];
  const filters: TnsFilter[] = bits.readFlag() ? readTns(bits, info) : [];
  if (bits.readFlag()) throw damaged('a frame has a gain control, which AAC-LC forbids');
  const stream = { info, books, scaleFactors, filters, spectrum: new Float64Array(FRAME_SAMPLES) };
  readSpectrum(bits, stream, pulses);
  return stream;
}

/** Which book each band uses, as runs. 4.4.2.7, table 4.52. */
function readSections(bits: BitReader, { sequence, groups, bandCount }: WindowInfo): Uint8Array {
  const books = new Uint8Array(MAX_BANDS);
  const width = sequence === 'short' ? 3 : 5;
  const goesOn = 2 ** width - 1;
  for (let group = 0; group < groups.length; group++) {
    for (let band = 0; band < bandCount; ) {
      const book = bits.read(4);
      if (book === RESERVED_BOOK) throw damaged('a band uses a codebook that does not exist');
      let length = 0;
      let part: number;
      do {
        part = bits.read(width);
        length += part;
      } while (part === goesOn);
      bits.check(); // a run of 0 does not advance
      if (band + length > bandCount) throw damaged('a run of bands is too long');
      books.fill(book, group * bandCount + band, group * bandCount + band + length);
      band += length;
    }
  }
  return books;
}

/** Differences to the last of the same kind. 4.6.2.3.2, 4.6.8.2.3 and 4.6.13.3. */
function readScaleFactors(
  bits: BitReader,
  books: Uint8Array,
  { groups, bandCount }: WindowInfo,
  globalGain: number,
): Int16Array {
  const scaleFactors = new Int16Array(MAX_BANDS);
  let scaleFactor = globalGain;
  let position = 0;
  let energy: number | undefined;
  const difference = () => readSymbol(bits, SCALE_FACTORS) - SCALE_FACTOR_OFFSET;
  for (let band = 0; band < groups.length * bandCount; band++) {
    const book = books[band]!;
    if (book === 0) continue;
    let value: number;
    if (book === INTENSITY_BOOK || book === INTENSITY_OPPOSITE_BOOK) value = position += difference();
    else if (book === NOISE_BOOK) {
      // The first energy has 9 plain bits.
      value = energy = energy === undefined ? globalGain - NOISE_OFFSET + bits.read(9) - 256 : energy + difference();
    } else {
      value = scaleFactor += difference();
      if (value < 0) throw damaged('a scale factor is out of range');
    }
    if (Math.abs(value) > MAX_SCALE_FACTOR) throw damaged('a scale factor is out of range');
    scaleFactors[band] = value;
  }
  bits.check();
  return scaleFactors;
}

/** 4.6.5, table 4.53. */
function readPulses(bits: BitReader, { sequence, bandOffsets }: WindowInfo): Pulse[] {
  if (sequence === 'short') throw damaged('a frame of short windows has pulses');
  const count = bits.read(2) + 1;
  let coefficient = bandOffsets[bits.read(6)];
  if (coefficient === undefined) throw damaged('a pulse is out of range');
  const pulses: Pulse[] = [];
  for (let i = 0; i < count; i++) {
    coefficient += bits.read(5);
    if (coefficient >= FRAME_SAMPLES) throw damaged('a pulse is out of range');
    pulses.push({ coefficient, amplitude: bits.read(4) });
  }
  return pulses;
}
