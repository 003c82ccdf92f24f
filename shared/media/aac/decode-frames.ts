/** A stream of AAC frames to blocks of samples. Damaged frames are left out, as players do; who knows the length can tell. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { AudioBlock } from '../audio-source.ts';
import type { AacConfig } from './audio-specific-config.ts';
import { BitReader } from './bit-reader.ts';
import { type AacDecoder, createAacDecoder } from './decoder.ts';
import { damaged } from './refusals.ts';
import { FRAME_SAMPLES } from './window-info.ts';

/** Samples from the first frame on. */
export interface SampleRange {
  readonly start: number;
  readonly end: number;
}

/** Six times what the standard allows eight channels; more would take time for nothing. */
const MAX_FRAME_BYTES = 36_864;

/** @throws ChiasmError the first frame's, when none can be decoded */
export async function* decodeFrames(
  frames: Iterable<Uint8Array>,
  { rateIndex, sampleRateHz }: AacConfig,
  { start, end }: SampleRange,
): AsyncGenerator<AudioBlock> {
  const decoder = createAacDecoder(rateIndex);
  let failure: ChiasmError | undefined;
  let hasSound = false;
  let at = -FRAME_SAMPLES;
  for (const frame of frames) {
    at += FRAME_SAMPLES;
    if (at >= end) break;
    if (at + 2 * FRAME_SAMPLES <= start) continue; // a frame needs the one before it, and no other
    const channelData = decodeFrame(decoder, frame);
    if (channelData instanceof ChiasmError) failure ??= channelData;
    else {
      hasSound = true;
      const block = channelData.map((samples) => samples.subarray(Math.max(0, start - at), end - at));
      if (block[0]!.length > 0) yield { channelData: block, sampleRateHz };
    }
  }
  if (!hasSound && failure !== undefined) throw failure;
}

function decodeFrame(decoder: AacDecoder, frame: Uint8Array): Float32Array[] | ChiasmError {
  if (frame.length > MAX_FRAME_BYTES) return damaged('a frame is too large');
  try {
    return decoder.decode(new BitReader(frame));
  } catch (error) {
    if (error instanceof ChiasmError) return error;
    throw error;
  }
}
