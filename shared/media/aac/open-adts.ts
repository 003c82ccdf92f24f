/** AAC frames one after another, each with a header: ADTS. Source: ISO/IEC 14496-3, 1.A.2.2 (ISO/IEC 13818-7, 6.2). */

import type { AudioSource } from '../audio-source.ts';
import { id3Length } from '../mpeg-audio.ts';
import { checkObjectType } from './audio-specific-config.ts';
import { BitReader } from './bit-reader.ts';
import { decodeFrames } from './decode-frames.ts';
import { damaged, unsupported } from './refusals.ts';
import { FRAME_SAMPLES, SAMPLE_RATES } from './window-info.ts';

interface AdtsHeader {
  readonly objectType: number;
  readonly rateIndex: number;
  readonly headerBytes: number;
  /** With the header. */
  readonly frameBytes: number;
  /** Raw data blocks behind one header. */
  readonly blocks: number;
}

/**
 * What is no frame is skipped, as in MP3 files. The duration is that of the headers.
 * @throws ChiasmError `corrupt_input` or `unsupported_type`, with a reason for the user
 */
export function openAdts(bytes: Uint8Array): AudioSource {
  const content = bytes.subarray(id3Length(bytes));
  const first = adtsHeader(content, 0);
  if (first === undefined) throw damaged('it has no frames');
  checkObjectType(first.objectType);
  if (first.blocks > 1) throw unsupported('this is AAC with several blocks behind one header');
  const sampleRateHz = SAMPLE_RATES[first.rateIndex]!;
  let count = 0;
  for (const _frame of frames(content, first)) count++;
  if (count === 0) throw damaged('it ends inside its first frame');
  const end = count * FRAME_SAMPLES;
  return {
    durationSeconds: end / sampleRateHz,
    isExact: true,
    blocks: () => decodeFrames(frames(content, first), { rateIndex: first.rateIndex, sampleRateHz }, { start: 0, end }),
  };
}

/** The content of each whole frame whose header fits the first one. A frame that the file ends in is left out. */
function* frames(bytes: Uint8Array, first: AdtsHeader): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const header = adtsHeader(bytes, at);
    if (header === undefined || !fits(header, first) || at + header.frameBytes > bytes.length) {
      at = bytes.indexOf(0xff, at + 1);
      if (at < 0) return;
      continue;
    }
    yield bytes.subarray(at + header.headerBytes, at + header.frameBytes);
    at += header.frameBytes;
  }
}

function fits(header: AdtsHeader, { objectType, rateIndex, blocks }: AdtsHeader): boolean {
  return header.objectType === objectType && header.rateIndex === rateIndex && header.blocks === blocks;
}

function adtsHeader(bytes: Uint8Array, at: number): AdtsHeader | undefined {
  if (at + 7 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0) return undefined;
  const bits = new BitReader(bytes.subarray(at, at + 7));
  bits.skip(15);
  const headerBytes = bits.readFlag() ? 7 : 9; // without or with a checksum
  const objectType = bits.read(2) + 1;
  const rateIndex = bits.read(4);
  bits.skip(8); // channels and copyright
  const frameBytes = bits.read(13);
  bits.skip(11); // fullness of the buffer
  const blocks = bits.read(2) + 1;
  if (rateIndex >= SAMPLE_RATES.length || frameBytes < headerBytes) return undefined;
  return { objectType, rateIndex, headerBytes, frameBytes, blocks };
}
