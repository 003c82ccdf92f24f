/** The first sound track of an MP4 file (M4A) as a source of blocks. */

import type { AudioSource } from '../audio-source.ts';
import { damagedMp4, mp4Box, mp4Tracks, mp4Uint32 } from '../mp4.ts';
import { decodeFrames } from './decode-frames.ts';
import { readSampleEntry } from './mp4-sample-entry.ts';
import { readFragments, readSampleTable } from './mp4-samples.ts';
import { readTrim } from './mp4-trim.ts';
import { FRAME_SAMPLES } from './window-info.ts';

/** @throws ChiasmError `corrupt_input` or `unsupported_type`, with a reason for the user */
export function openM4a(bytes: Uint8Array): AudioSource {
  const movie = mp4Box(bytes, 'moov');
  if (movie === undefined) throw damagedMp4('it has no index');
  const track = mp4Tracks(bytes).find(({ handler }) => handler === 'soun')?.content;
  const sampleTable = track === undefined ? undefined : mp4Box(track, 'mdia', 'minf', 'stbl');
  if (track === undefined || sampleTable === undefined) throw damagedMp4('its index has no sound');
  const config = readSampleEntry(sampleTable);
  const isFragmented = mp4Box(movie, 'mvex') !== undefined;
  const samples = isFragmented ? readFragments(bytes, movie, trackId(track)) : readSampleTable(bytes, sampleTable);
  if (samples.count === 0) throw damagedMp4('it has no frames of sound');

  const rate = config.sampleRateHz;
  const available = samples.count * FRAME_SAMPLES;
  const trim = readTrim(movie, track);
  const wantedStart = Math.round((trim?.startSeconds ?? 0) * rate);
  const start = wantedStart < available ? wantedStart : 0; // an edit behind the end is a mistake
  const length = trim?.durationSeconds === undefined ? available : Math.ceil(trim.durationSeconds * rate);
  const end = Math.min(available, start + length);
  return {
    durationSeconds: (end - start) / rate,
    isExact: true,
    blocks: () => decodeFrames(samples.read(), config, { start, end }),
  };
}

function trackId(track: Uint8Array): number {
  const header = mp4Box(track, 'tkhd');
  if (header === undefined) throw damagedMp4('its track has no number');
  return mp4Uint32(header, header[0] === 1 ? 20 : 12);
}
