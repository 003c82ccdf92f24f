/** Sound files of each format as a source of blocks. The codecs but AAC are WebAssembly; what their headers say is read here. */

import { FLACDecoder } from '@wasm-audio-decoders/flac';
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis';
import { MPEGDecoder } from 'mpg123-decoder';
import { OggOpusDecoder } from 'ogg-opus-decoder';
import { ChiasmError } from '#shared/core/errors.ts';
import { openAdts } from './aac/open-adts.ts';
import { openM4a } from './aac/open-m4a.ts';
import type { AudioBlock, AudioSource } from './audio-source.ts';
import type { AudioFormat } from './detect-media-type.ts';
import { firstMp3Frame, id3Length, mp3Frame } from './mpeg-audio.ts';
import { type OggPages, readOggPages } from './ogg.ts';
import { readWav } from './read-wav.ts';

/** So much goes into a decoder at once: a sound over the limit is noticed early. */
const CHUNK_BYTES = 65_536;
const MP3_SEARCH_BYTES = 65_536; // first frame after tags and junk

/** @throws ChiasmError `corrupt_input` or `unsupported_type`, with a reason for the user */
export function openAudio(bytes: Uint8Array, format: AudioFormat): AudioSource {
  switch (format) {
    case 'wav':
      return readWav(bytes);
    case 'mp3':
      return openMp3(bytes);
    case 'flac':
      return openFlac(bytes);
    case 'ogg-vorbis':
      return openOgg(
        bytes,
        (head) => head.getUint32(12, true),
        () => new OggVorbisDecoder(),
      );
    case 'ogg-opus':
      return openOgg(
        bytes,
        () => 48_000,
        () => new OggOpusDecoder(),
      );
    case 'ogg-flac':
      return openOgg(
        bytes,
        (head) => head.getUint32(27) >>> 12,
        () => new FLACDecoder(),
      );
    case 'm4a':
      return openM4a(bytes);
    case 'aac':
      return openAdts(bytes);
  }
}

/** What the decoder packages have in common. */
interface WasmDecoder {
  readonly ready: Promise<void>;
  free(): void;
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>;
  flush?(): Promise<Decoded>;
}

interface Decoded {
  readonly channelData: Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  readonly errors: readonly { readonly message: string }[];
}

/** Whether damaged frames make a file be refused, or are skipped. */
type Damage = 'refuse' | 'skip';

async function* decodeBlocks(
  bytes: Uint8Array,
  createDecoder: () => WasmDecoder,
  damage: Damage,
): AsyncGenerator<AudioBlock> {
  const decoder = createDecoder();
  await decoder.ready;
  try {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      yield* block(await decoder.decode(bytes.subarray(at, at + CHUNK_BYTES)), damage);
    }
    if (decoder.flush !== undefined) yield* block(await decoder.flush(), damage);
  } finally {
    decoder.free();
  }
}

function* block({ channelData, samplesDecoded, sampleRate, errors }: Decoded, damage: Damage): Generator<AudioBlock> {
  if (damage === 'refuse' && errors[0] !== undefined) throw new Error(errors[0].message);
  if (samplesDecoded > 0) yield { channelData, sampleRateHz: sampleRate };
}

/**
 * The length is exact with a Xing or Info header; a file without one does not say. Many MP3 files have foreign bytes between
 * frames or behind them, so what is no frame is skipped, as players do.
 */
function openMp3(bytes: Uint8Array): AudioSource {
  const content = bytes.subarray(id3Length(bytes));
  const start = firstMp3Frame(content, MP3_SEARCH_BYTES);
  const frame = start === undefined ? undefined : mp3Frame(content, start);
  if (start === undefined || frame === undefined) {
    throw new ChiasmError('corrupt_input', 'the MP3 file is damaged: it has no sound after its tags');
  }
  const view = new DataView(content.buffer, content.byteOffset + start, Math.min(content.length - start, 256));
  const xing = frame.sideInfoEnd;
  const hasXing = view.byteLength >= xing + 12 && [0x58696e67, 0x496e666f].includes(view.getUint32(xing)); // Xing, Info
  const hasCount = hasXing && (view.getUint32(xing + 4) & 1) === 1;
  return {
    durationSeconds: hasCount ? (view.getUint32(xing + 8) * frame.samples) / frame.sampleRateHz : undefined,
    isExact: hasCount,
    blocks: () => decodeBlocks(content.subarray(start), () => new MPEGDecoder(), 'skip'),
  };
}

/** STREAMINFO is the first metadata block: 20 bits of rate, then 36 of the number of samples from bit 108. */
function openFlac(bytes: Uint8Array): AudioSource {
  const content = bytes.subarray(id3Length(bytes));
  if (content.length < 42)
    throw new ChiasmError('corrupt_input', 'the FLAC file is damaged: it ends inside its header');
  const view = new DataView(content.buffer, content.byteOffset);
  const sampleRateHz = view.getUint32(18) >>> 12;
  const samples = (content[21]! & 15) * 2 ** 32 + view.getUint32(22);
  return {
    durationSeconds: samples === 0 ? undefined : samples / sampleRateHz, // 0: the encoder did not know
    isExact: true,
    blocks: () => decodeBlocks(content, () => new FLACDecoder(), 'refuse'),
  };
}

function openOgg(
  bytes: Uint8Array,
  sampleRateHz: (head: DataView) => number,
  createDecoder: () => WasmDecoder,
): AudioSource {
  const pages: OggPages = readOggPages(bytes);
  if (!pages.isComplete) throw new ChiasmError('corrupt_input', 'the Ogg file is incomplete: it ends inside a page');
  if (pages.lastGranule === undefined || pages.firstGranule === undefined || pages.head.length < 32) {
    throw new ChiasmError('corrupt_input', 'the Ogg file is damaged: it has no pages with sound');
  }
  const rate = sampleRateHz(new DataView(pages.head.buffer, pages.head.byteOffset));
  return {
    durationSeconds: (pages.lastGranule - pages.firstGranule) / rate, // a recorded stream does not begin at 0
    isExact: false,
    blocks: () => decodeBlocks(bytes, createDecoder, 'refuse'),
  };
}
