/**
 * What a file is, by its content. The name is only asked to tell kinds of text apart, because their bytes do not say.
 * What Chiasm does not read is named, so that the refusal helps.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import { decodeText } from './decode-text.ts';
import { mp4Tracks } from './mp4.ts';
import { id3Length, isAdts, isMp3 } from './mpeg-audio.ts';
import { refusedTextType, refusedType, startsWith } from './refused-types.ts';

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff';
export type AudioFormat = 'wav' | 'mp3' | 'ogg-vorbis' | 'ogg-opus' | 'ogg-flac' | 'flac' | 'm4a' | 'aac';
export type TextFormat = 'plain' | 'markdown' | 'html' | 'json' | 'jsonl' | 'csv' | 'tsv';

export type MediaType =
  | { readonly modality: 'image'; readonly format: ImageFormat; readonly contentType: string }
  | { readonly modality: 'audio'; readonly format: AudioFormat; readonly contentType: string }
  | { readonly modality: 'text'; readonly format: TextFormat; readonly contentType: string };

const AUDIO_CONTENT_TYPES: Record<AudioFormat, string> = {
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  'ogg-vorbis': 'audio/ogg',
  'ogg-opus': 'audio/ogg',
  'ogg-flac': 'audio/ogg',
  flac: 'audio/flac',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
};

const TEXT_CONTENT_TYPES: Record<TextFormat, string> = {
  plain: 'text/plain',
  markdown: 'text/markdown',
  html: 'text/html',
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
};

const TEXT_EXTENSIONS: Readonly<Record<string, TextFormat>> = {
  md: 'markdown',
  markdown: 'markdown',
  html: 'html',
  htm: 'html',
  xhtml: 'html',
  json: 'json',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  tsv: 'tsv',
};

/** So much of a long file is looked at to tell whether it is text. */
const TEXT_HEAD_BYTES = 1_000_000;

/**
 * @throws ChiasmError `corrupt_input` for an empty file, `unsupported_type` with a reason for what is not read
 */
export function detectMediaType(bytes: Uint8Array, key = ''): MediaType {
  if (bytes.length === 0) throw new ChiasmError('corrupt_input', 'the file is empty');
  const media = detectImage(bytes) ?? detectIsoMedia(bytes) ?? detectAudio(bytes);
  if (media !== undefined) return media;
  // Text is asked for first: a short magic like 'BM' may also begin a text.
  const head = bytes.subarray(0, TEXT_HEAD_BYTES);
  const text = decodeText(head, head.length < bytes.length);
  if (text === undefined)
    throw refused(refusedType(bytes) ?? 'this is binary data of a type that Chiasm does not know');
  const refusal = refusedTextType(text);
  if (refusal !== undefined) throw refused(refusal);
  const format = textFormat(text, key);
  return { modality: 'text', format, contentType: TEXT_CONTENT_TYPES[format] };
}

function refused(reason: string): ChiasmError {
  return new ChiasmError('unsupported_type', reason);
}

function image(format: ImageFormat): MediaType {
  return { modality: 'image', format, contentType: `image/${format}` };
}

function audio(format: AudioFormat): MediaType {
  return { modality: 'audio', format, contentType: AUDIO_CONTENT_TYPES[format] };
}

function detectImage(bytes: Uint8Array): MediaType | undefined {
  if (startsWith(bytes, '\xff\xd8\xff')) return image('jpeg');
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return image('png');
  if (startsWith(bytes, 'GIF87a') || startsWith(bytes, 'GIF89a')) return image('gif');
  if (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8)) return image('webp');
  const littleEndianTiff = startsWith(bytes, 'II*\x00') || startsWith(bytes, 'II+\x00');
  const bigEndianTiff = startsWith(bytes, 'MM\x00*') || startsWith(bytes, 'MM\x00+');
  const isCanonRaw = startsWith(bytes, 'CR\x02', 8);
  return (littleEndianTiff || bigEndianTiff) && !isCanonRaw ? image('tiff') : undefined;
}

/** The family of MP4: pictures, sound and video in the same kind of boxes. */
function detectIsoMedia(bytes: Uint8Array): MediaType | undefined {
  if (!startsWith(bytes, 'ftyp', 4)) return undefined;
  const boxEnd = Math.min(Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32BE(0), bytes.length, 256);
  const brands = Buffer.from(bytes.buffer, bytes.byteOffset, boxEnd).toString('latin1').slice(8);
  if (/avif|avis/.test(brands)) return image('avif');
  if (/hei[cxms]|hev[cxms]|mif1|msf1/.test(brands)) {
    throw refused('this is a HEIC picture, whose codec is patented and not read: save it as JPEG, PNG, WebP or AVIF');
  }
  if (brands.startsWith('crx')) throw refused('this is a camera raw picture: save it as JPEG, PNG, WebP or AVIF');
  const tracks = mp4Tracks(bytes);
  if (tracks.some(({ handler }) => handler === 'vide')) {
    throw refused('this is an MP4 or QuickTime video; video is not indexed yet');
  }
  if (tracks.some(({ handler }) => handler === 'soun')) return audio('m4a');
  if (/^M4[ABP] /.test(brands)) return audio('m4a'); // damaged: decoding will say how
  throw refused('this is an MP4 file without a sound or video track');
}

function detectAudio(bytes: Uint8Array): MediaType | undefined {
  if (/^(RIFF|RF64|RIFX)$/.test(ascii(bytes, 0, 4)) && startsWith(bytes, 'WAVE', 8)) return audio('wav');
  if (startsWith(bytes, 'fLaC')) return audio('flac');
  if (startsWith(bytes, 'OggS')) return detectOgg(bytes);
  if (startsWith(bytes, 'ID3')) {
    const content = bytes.subarray(id3Length(bytes));
    if (startsWith(content, 'fLaC')) return audio('flac');
    return audio(isAdts(content) ? 'aac' : 'mp3');
  }
  if (isAdts(bytes)) return audio('aac');
  return isMp3(bytes) ? audio('mp3') : undefined;
}

function detectOgg(bytes: Uint8Array): MediaType {
  const packet = bytes.subarray(27 + (bytes[26] ?? 0)); // after the page header and its segment table
  if (startsWith(packet, '\x01vorbis')) return audio('ogg-vorbis');
  if (startsWith(packet, 'OpusHead')) return audio('ogg-opus');
  if (startsWith(packet, '\x7fFLAC')) return audio('ogg-flac');
  if (startsWith(packet, 'Speex')) throw refused('this is a Speex sound: save it as Ogg Opus, WAV, FLAC or MP3');
  if (startsWith(packet, '\x80theora') || startsWith(packet, 'fishead') || startsWith(packet, 'BBCD')) {
    throw refused('this is an Ogg video; video is not indexed yet');
  }
  throw refused('this is an Ogg file with a codec that is not read: save it as Ogg Vorbis, Opus, WAV, FLAC or MP3');
}

function textFormat(text: string, key: string): TextFormat {
  const extension = /\.([^./]+)$/.exec(key)?.[1]?.toLowerCase() ?? '';
  const named = TEXT_EXTENSIONS[extension];
  if (named !== undefined) return named;
  return /^\s*(<!--[\s\S]*?-->\s*)?(<!doctype html|<html[\s>])/i.test(text.slice(0, 2000)) ? 'html' : 'plain';
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
