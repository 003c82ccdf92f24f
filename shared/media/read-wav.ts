/** WAV: the RIFF container with integer, float, A-law and mu-law samples. Memory follows the file's size, never its header's. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { AudioBlock, AudioSource } from './audio-source.ts';

const BLOCK_FRAMES = 65_536;
const EXTENSIBLE = 0xfffe;

/** Programs that stream a WAV cannot know its length and write one of these, or one near 2 GB. */
const UNKNOWN_LENGTH = 0x7fff_0000;

interface WavFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Bytes of one sample of one channel. */
  readonly width: number;
  readonly read: (view: DataView, at: number) => number;
}

/** @throws ChiasmError `corrupt_input` or `unsupported_type`, with a reason for the user */
export function readWav(bytes: Uint8Array): AudioSource {
  if (bytes[3] !== 0x46)
    throw new ChiasmError('unsupported_type', `${riffKind(bytes)} is not read: save it as RIFF WAV`);
  const { format, data } = findChunks(bytes);
  const frameBytes = format.width * format.channels;
  const frames = Math.floor(data.length / frameBytes);
  return { durationSeconds: frames / format.sampleRateHz, isExact: true, blocks: () => blocks(format, data, frames) };
}

function riffKind(bytes: Uint8Array): string {
  return bytes[3] === 0x34 ? 'RF64, the WAV of over 4 GB,' : 'RIFX, the big-endian WAV,';
}

async function* blocks(format: WavFormat, data: Uint8Array, frames: number): AsyncGenerator<AudioBlock> {
  const { channels, width, read, sampleRateHz } = format;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let start = 0; start < frames; start += BLOCK_FRAMES) {
    const count = Math.min(BLOCK_FRAMES, frames - start);
    const channelData = Array.from({ length: channels }, (_, channel) => {
      const samples = new Float32Array(count);
      for (let i = 0; i < count; i++) samples[i] = read(view, ((start + i) * channels + channel) * width);
      return samples;
    });
    yield { channelData, sampleRateHz };
  }
}

function findChunks(bytes: Uint8Array): { format: WavFormat; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let format: WavFormat | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = String.fromCharCode(...bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    const content = bytes.subarray(at + 8, at + 8 + size);
    if (id === 'fmt ') format = parseFormat(content);
    if (id === 'data') {
      if (format === undefined) throw corrupt('its samples come before their format');
      if (content.length < size && size < UNKNOWN_LENGTH) {
        throw corrupt(`its header promises ${size} bytes of samples and ${content.length} are there: it is incomplete`);
      }
      // A length of 0 with bytes behind it is a recording that was never closed.
      return { format, data: size === 0 ? bytes.subarray(at + 8) : content };
    }
    at += 8 + size + (size & 1);
  }
  throw corrupt(format === undefined ? 'it has no format' : 'it has no samples');
}

function parseFormat(content: Uint8Array): WavFormat {
  if (content.length < 16) throw corrupt('its format is cut off');
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const tag = view.getUint16(0, true);
  const encoding = tag === EXTENSIBLE && content.length >= 26 ? view.getUint16(24, true) : tag;
  const channels = view.getUint16(2, true);
  const sampleRateHz = view.getUint32(4, true);
  const bits = view.getUint16(14, true);
  const width = Math.ceil(bits / 8);
  const read = sampleReader(encoding, width);
  if (read === undefined) {
    throw new ChiasmError(
      'unsupported_type',
      `WAV with encoding ${encoding} of ${bits} bits is not read: save it as PCM`,
    );
  }
  if (channels === 0 || channels > 64) throw corrupt(`it claims ${channels} channels`);
  return { sampleRateHz, channels, width, read };
}

/** A function that gives one sample in [-1, 1]; undefined for an encoding that is not read. */
function sampleReader(encoding: number, width: number): WavFormat['read'] | undefined {
  if (encoding === 1) {
    if (width === 1) return (view, at) => (view.getUint8(at) - 128) / 128; // 8 bits are unsigned
    if (width === 2) return (view, at) => view.getInt16(at, true) / 32_768;
    if (width === 3) return (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65_536) / 8_388_608;
    if (width === 4) return (view, at) => view.getInt32(at, true) / 2_147_483_648;
  }
  if (encoding === 3 && width === 4) return (view, at) => view.getFloat32(at, true);
  if (encoding === 3 && width === 8) return (view, at) => view.getFloat64(at, true);
  if (encoding === 6 && width === 1) return (view, at) => aLaw(view.getUint8(at));
  if (encoding === 7 && width === 1) return (view, at) => muLaw(view.getUint8(at));
  return undefined;
}

/** ITU-T G.711, A-law. */
function aLaw(code: number): number {
  const value = code ^ 0x55;
  const exponent = (value >> 4) & 7;
  const mantissa = ((value & 15) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1);
  return (value & 128 ? magnitude : -magnitude) / 32_768;
}

/** ITU-T G.711, mu-law. */
function muLaw(code: number): number {
  const value = ~code & 255;
  const magnitude = ((((value & 15) << 3) + 132) << ((value >> 4) & 7)) - 132;
  return (value & 128 ? -magnitude : magnitude) / 32_768;
}

function corrupt(reason: string): ChiasmError {
  return new ChiasmError('corrupt_input', `the WAV file is damaged: ${reason}`);
}
