/** How an MP4 track codes its sound: stsd, esds. Source: ISO/IEC 14496-12, 8.5.2; 14496-14, 5.6; 14496-1, 7.2.6. */

import { damagedMp4, mp4Box, mp4Type, mp4Uint32 } from '../mp4.ts';
import { type AacConfig, readAudioSpecificConfig } from './audio-specific-config.ts';
import { unsupported } from './refusals.ts';

/** Codecs that are not AAC, by the type of their sample entry. */
const OTHER_CODECS: Readonly<Record<string, string>> = {
  alac: 'Apple Lossless (ALAC)',
  enca: 'sound protected against copying',
  drms: 'sound protected against copying',
  'ac-3': 'Dolby Digital (AC-3)',
  'ec-3': 'Dolby Digital Plus (E-AC-3)',
  'ac-4': 'Dolby AC-4',
  samr: 'AMR',
  sawb: 'AMR-WB',
  Opus: 'Opus in MP4',
  fLaC: 'FLAC in MP4',
  '.mp3': 'MP3 in MP4',
  sowt: 'PCM in MP4',
  twos: 'PCM in MP4',
  ipcm: 'PCM in MP4',
  lpcm: 'PCM in MP4',
};

/** objectTypeIndication, as https://mp4ra.org registers it. */
const AAC_TYPES = [0x40, 0x66, 0x67, 0x68]; // MPEG-4, MPEG-2 Main, LC, SSR: the config tells which
const MP3_TYPES = [0x69, 0x6b];

const ENTRY_BYTES = 28; // an AudioSampleEntry before its boxes; QuickTime's versions 1 and 2 have more
const QUICKTIME_BYTES: Readonly<Record<number, number>> = { 1: 16, 2: 36 };

/** @param sampleTable content of the track's stbl  @throws ChiasmError `corrupt_input` or `unsupported_type` */
export function readSampleEntry(sampleTable: Uint8Array): AacConfig {
  const description = mp4Box(sampleTable, 'stsd')?.subarray(8) ?? new Uint8Array(0);
  const type = mp4Type(description, 4);
  if (type.length < 4) throw damagedMp4('it does not say how its sound is coded');
  if (type !== 'mp4a')
    throw unsupported(`this is ${OTHER_CODECS[type] ?? `MP4 sound of type ${JSON.stringify(type)}`}`);
  const entry = description.subarray(8, mp4Uint32(description, 0));
  const version = ((entry[8] ?? 0) << 8) | (entry[9] ?? 0);
  const boxes = entry.subarray(ENTRY_BYTES + (QUICKTIME_BYTES[version] ?? 0));
  const descriptor = mp4Box(boxes, 'esds') ?? mp4Box(boxes, 'wave', 'esds');
  if (descriptor === undefined) throw damagedMp4('it does not say how its AAC is coded');
  return readElementaryStream(descriptor.subarray(4));
}

/** ES_Descriptor around DecoderConfigDescriptor around DecoderSpecificInfo. */
function readElementaryStream(bytes: Uint8Array): AacConfig {
  const stream = readDescriptor(bytes, 3);
  const flags = stream[2] ?? 0;
  const urlBytes = (flags & 0x40) === 0 ? 0 : 1 + (stream[3 + ((flags & 0x80) >> 6)] ?? 0);
  const skipped = 3 + ((flags & 0x80) === 0 ? 0 : 2) + urlBytes + ((flags & 0x20) === 0 ? 0 : 2);
  const decoder = readDescriptor(stream.subarray(skipped), 4);
  const type = decoder[0] ?? 0;
  if (MP3_TYPES.includes(type)) throw unsupported('this is MP3 in MP4');
  if (!AAC_TYPES.includes(type)) throw unsupported(`this is MP4 sound of type ${type}`);
  return readAudioSpecificConfig(readDescriptor(decoder.subarray(13), 5));
}

/** A tag and the length of what follows in up to four bytes of seven bits. */
function readDescriptor(bytes: Uint8Array, tag: number): Uint8Array {
  let length = 0;
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at];
    if (bytes[0] !== tag || byte === undefined) break;
    length = length * 128 + (byte & 127);
    if (byte < 128) return bytes.subarray(at + 1, at + 1 + length);
  }
  throw damagedMp4('it does not say how its AAC is coded');
}
