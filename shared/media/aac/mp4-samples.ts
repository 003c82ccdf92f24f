/**
 * Where the frames of a track lie in an MP4 file, read lazily: tables may be as large as the file.
 * Source: ISO/IEC 14496-12, 8.7 (sample tables) and 8.8 (fragments).
 */

import { damagedMp4, mp4Box, mp4Boxes, mp4Uint32, mp4Uint64 } from '../mp4.ts';

export interface Mp4Samples {
  readonly count: number;
  /** The frames in their order. @throws ChiasmError `corrupt_input` where one lies outside of the file */
  read(): Generator<Uint8Array>;
}

/** @param sampleTable content of the track's stbl */
export function readSampleTable(file: Uint8Array, sampleTable: Uint8Array): Mp4Samples {
  const sizes = mp4Box(sampleTable, 'stsz');
  const runs = mp4Box(sampleTable, 'stsc');
  const narrow = mp4Box(sampleTable, 'stco');
  const chunks = narrow ?? mp4Box(sampleTable, 'co64');
  if (sizes === undefined || runs === undefined || chunks === undefined) throw damagedMp4('its index is missing');
  const sizeOf = sampleSizes(file, sizes.subarray(4));
  const chunkCount = tableCount(chunks, narrow === undefined ? 8 : 4);
  const runCount = tableCount(runs, 12);

  function* read(): Generator<Uint8Array> {
    let sample = 0;
    for (let chunk = 0, run = 0; chunk < chunkCount && sample < sizeOf.count; chunk++) {
      while (run + 1 < runCount && mp4Uint32(runs!, 20 + 12 * run) <= chunk + 1) run++; // the next run's first chunk
      const end = Math.min(sizeOf.count, sample + mp4Uint32(runs!, 12 + 12 * run));
      let at = narrow === undefined ? mp4Uint64(chunks!, 8 + 8 * chunk) : mp4Uint32(narrow, 8 + 4 * chunk);
      for (; sample < end; sample++) {
        const size = sizeOf.at(sample);
        yield slice(file, at, size);
        at += size;
      }
    }
    if (sample < sizeOf.count) throw damagedMp4('its index has more frames than places');
  }
  return { count: sizeOf.count, read };
}

/** Entries of a table behind version, flags and their count. */
function tableCount(box: Uint8Array, entryBytes: number): number {
  const count = mp4Uint32(box, 4);
  if (8 + count * entryBytes > box.length) throw damagedMp4('its index is cut off');
  return count;
}

/** stsz: one size for all, or one for each. */
function sampleSizes(file: Uint8Array, sizes: Uint8Array): { count: number; at: (sample: number) => number } {
  const common = mp4Uint32(sizes, 0);
  const count = mp4Uint32(sizes, 4);
  const available = common === 0 ? sizes.length - 8 : file.length;
  if (count * (common === 0 ? 4 : common) > available) throw damagedMp4('its index promises more frames than fit');
  return { count, at: (sample) => (common === 0 ? mp4Uint32(sizes, 8 + 4 * sample) : common) };
}

function slice(file: Uint8Array, at: number, size: number): Uint8Array {
  if (at < 0 || at + size > file.length) throw damagedMp4('it ends before its last frame');
  return file.subarray(at, at + size);
}

/** Ten minutes at 96 kHz have fewer frames. */
const MAX_RUNS = 100_000;

/** Frames of one trun: `size` is that of all, or 0 for sizes in the box's records. */
interface Run {
  readonly at: number;
  readonly count: number;
  readonly size: number;
  readonly records: Uint8Array;
  readonly recordBytes: number;
  readonly sizeAt: number;
}

/** The frames of a fragmented file, whose index is spread over moof boxes. @param movie content of the moov */
export function readFragments(file: Uint8Array, movie: Uint8Array, trackId: number): Mp4Samples {
  const defaultSize = trackDefaultSize(movie, trackId);
  const runs: Run[] = [];
  for (const { type, content, start } of mp4Boxes(file)) {
    if (type !== 'moof') continue;
    for (const track of mp4Boxes(content)) {
      const header = track.type === 'traf' ? mp4Box(track.content, 'tfhd') : undefined;
      if (header === undefined || mp4Uint32(header, 4) !== trackId) continue;
      addRuns(runs, file, track.content, readHeader(header, start, defaultSize));
    }
  }
  function* read(): Generator<Uint8Array> {
    for (const { at, count, size, records, recordBytes, sizeAt } of runs) {
      let place = at;
      for (let i = 0; i < count; i++) {
        const frame = slice(file, place, size === 0 ? mp4Uint32(records, i * recordBytes + sizeAt) : size);
        yield frame;
        place += frame.length;
      }
    }
  }
  return { count: runs.reduce((sum, run) => sum + run.count, 0), read };
}

/** trex: the size of frames that nothing else says. */
function trackDefaultSize(movie: Uint8Array, trackId: number): number {
  for (const { type, content } of mp4Boxes(mp4Box(movie, 'mvex') ?? new Uint8Array(0))) {
    if (type === 'trex' && mp4Uint32(content, 4) === trackId) return mp4Uint32(content, 16);
  }
  return 0;
}

interface FragmentHeader {
  /** Where the offsets of its runs count from. */
  readonly base: number;
  readonly size: number;
}

/** tfhd: fields are there as its flags say. */
function readHeader(header: Uint8Array, fragmentStart: number, defaultSize: number): FragmentHeader {
  const flags = mp4Uint32(header, 0);
  const hasBase = (flags & 1) !== 0;
  const base = hasBase ? mp4Uint64(header, 8) : fragmentStart;
  if ((flags & 0x10) === 0) return { base, size: defaultSize };
  const skipped = 8 + (hasBase ? 8 : 0) + ((flags & 2) === 0 ? 0 : 4) + ((flags & 8) === 0 ? 0 : 4);
  return { base, size: mp4Uint32(header, skipped) };
}

/** trun: fields are there as its flags say; a run without an offset follows the one before it. */
function addRuns(runs: Run[], file: Uint8Array, fragment: Uint8Array, { base, size }: FragmentHeader): void {
  let next = base;
  for (const { type, content } of mp4Boxes(fragment)) {
    if (type !== 'trun') continue;
    const flags = mp4Uint32(content, 0);
    const count = mp4Uint32(content, 4);
    const hasOffset = (flags & 1) !== 0;
    const at = hasOffset ? base + (mp4Uint32(content, 8) | 0) : next; // a signed number
    const records = content.subarray(8 + (hasOffset ? 4 : 0) + ((flags & 4) === 0 ? 0 : 4));
    const recordBytes = [0x100, 0x200, 0x400, 0x800].filter((flag) => (flags & flag) !== 0).length * 4;
    const hasSizes = (flags & 0x200) !== 0;
    if (!hasSizes && size === 0) throw damagedMp4('it does not say how large its frames are');
    if (hasSizes ? count * recordBytes > records.length : count * size > file.length) {
      throw damagedMp4('its index promises more frames than fit');
    }
    const run = { at, count, size: hasSizes ? 0 : size, records, recordBytes, sizeAt: (flags & 0x100) === 0 ? 0 : 4 };
    next = at + runBytes(run);
    if (runs.push(run) > MAX_RUNS) throw damagedMp4('its index has too many parts');
  }
}

function runBytes({ count, size, records, recordBytes, sizeAt }: Run): number {
  if (size > 0) return count * size;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += mp4Uint32(records, i * recordBytes + sizeAt);
  return sum;
}
