/**
 * Which part of an MP4 track is its sound. The first frames are the encoder's run-up, the last is filled up; files say so in an
 * edit list (ISO/IEC 14496-12, 8.6.6), or in iTunes' `iTunSMPB` tag.
 */

import { mp4Box, mp4Boxes, mp4Uint32, mp4Uint64 } from '../mp4.ts';

export interface Trim {
  readonly startSeconds: number;
  /** Undefined: to the end. */
  readonly durationSeconds: number | undefined;
}

/** Undefined where the file does not say. @param movie content of the moov  @param track content of the trak */
export function readTrim(movie: Uint8Array, track: Uint8Array): Trim | undefined {
  return readEditList(movie, track) ?? readGapless(movie, track);
}

/** Units a second of a box that begins as mvhd and mdhd do. */
function timescale(header: Uint8Array | undefined): number | undefined {
  if (header === undefined) return undefined;
  const units = mp4Uint32(header, header[0] === 1 ? 20 : 12);
  return units === 0 ? undefined : units;
}

/** Only a single edit says where the sound begins; lists that rearrange it are for editors. Empty edits are pauses. */
function readEditList(movie: Uint8Array, track: Uint8Array): Trim | undefined {
  const list = mp4Box(track, 'edts', 'elst');
  const movieUnits = timescale(mp4Box(movie, 'mvhd'));
  const trackUnits = timescale(mp4Box(track, 'mdia', 'mdhd'));
  if (list === undefined || movieUnits === undefined || trackUnits === undefined) return undefined;
  const isWide = list[0] === 1;
  const entryBytes = isWide ? 20 : 12;
  const count = Math.min(mp4Uint32(list, 4), Math.floor((list.length - 8) / entryBytes));
  let trim: Trim | undefined;
  for (let i = 0; i < count; i++) {
    const at = 8 + i * entryBytes;
    const isEmpty = mp4Uint32(list, isWide ? at + 8 : at + 4) === 0xffff_ffff; // media time -1
    if (isEmpty) continue;
    if (trim !== undefined) return undefined;
    const duration = isWide ? mp4Uint64(list, at) : mp4Uint32(list, at);
    const start = isWide ? mp4Uint64(list, at + 8) : mp4Uint32(list, at + 4);
    // Fragmented files do not know their length, and write 0.
    trim = { startSeconds: start / trackUnits, durationSeconds: duration === 0 ? undefined : duration / movieUnits };
  }
  return trim;
}

/** Hexadecimal numbers: 0, samples before the sound, samples behind it, samples of sound. */
function readGapless(movie: Uint8Array, track: Uint8Array): Trim | undefined {
  const trackUnits = timescale(mp4Box(track, 'mdia', 'mdhd'));
  const tags = mp4Box(mp4Box(movie, 'udta', 'meta')?.subarray(4) ?? new Uint8Array(0), 'ilst');
  if (trackUnits === undefined || tags === undefined) return undefined;
  for (const { type, content } of mp4Boxes(tags)) {
    if (type !== '----' || text(mp4Box(content, 'name')?.subarray(4)) !== 'iTunSMPB') continue;
    const numbers = text(mp4Box(content, 'data')?.subarray(8)).trim().split(/\s+/);
    const [start, , samples] = numbers.slice(1).map((number) => Number.parseInt(number, 16));
    if (start === undefined || samples === undefined || !(start >= 0 && samples > 0)) return undefined;
    return { startSeconds: start / trackUnits, durationSeconds: samples / trackUnits };
  }
  return undefined;
}

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.subarray(0, 200)).toString('latin1');
}
