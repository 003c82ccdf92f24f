/**
 * The elements of one frame: raw_data_block. Effects channels (LFE) are read and left out, as are the extensions in fill
 * elements: of HE-AAC (SBR, PS) the core is heard, which has half of the band. Source: ISO/IEC 14496-3, 4.4.2.1.
 */

import type { BitReader } from './bit-reader.ts';
import type { ChannelStream } from './channel-stream.ts';
import type { NoiseSource } from './noise.ts';
import { readChannelStream } from './read-channel-stream.ts';
import { damaged, unsupported } from './refusals.ts';
import { applyStereo, type StereoMask } from './stereo.ts';
import { applyTns } from './tns.ts';
import { readWindowInfo, type WindowInfo } from './window-info.ts';

const ELEMENTS = ['single', 'pair', 'coupling', 'effects', 'data', 'program', 'fill', 'end'] as const;
const MAX_ELEMENTS = 128; // so that a frame of nothing but empty elements ends
const MAX_CHANNELS = 8;

/** @returns the channels in the order of their elements, ready for the filterbank */
export function readRawDataBlock(bits: BitReader, rateIndex: number, noise: NoiseSource): ChannelStream[] {
  const channels: ChannelStream[] = [];
  for (let i = 0; i < MAX_ELEMENTS; i++) {
    const element = ELEMENTS[bits.read(3)]!;
    if (element === 'end') {
      bits.check();
      return channels;
    }
    if (element === 'coupling') throw unsupported('this is AAC with coupling channels');
    if (element === 'fill') skipFill(bits);
    else {
      bits.skip(4); // which of its kind it is; their order tells as well
      if (element === 'single') channels.push(readSingle(bits, rateIndex, noise));
      else if (element === 'pair') channels.push(...readPair(bits, rateIndex, noise));
      else if (element === 'effects') readChannelStream(bits, rateIndex);
      else if (element === 'data') skipData(bits);
      else skipProgram(bits);
    }
    bits.check();
    if (channels.length > MAX_CHANNELS) throw unsupported(`this is AAC with more than ${MAX_CHANNELS} channels`);
  }
  throw damaged('a frame does not end');
}

function readSingle(bits: BitReader, rateIndex: number, noise: NoiseSource): ChannelStream {
  const channel = readChannelStream(bits, rateIndex);
  noise.fill(channel);
  applyTns(channel.spectrum, channel.filters);
  return channel;
}

/** channel_pair_element, table 4.5. */
function readPair(bits: BitReader, rateIndex: number, noise: NoiseSource): [ChannelStream, ChannelStream] {
  const shared = bits.readFlag() ? readWindowInfo(bits, rateIndex) : undefined;
  const mask = shared === undefined ? undefined : readMask(bits, shared);
  const left = readChannelStream(bits, rateIndex, shared);
  const right = readChannelStream(bits, rateIndex, shared);
  noise.fill(left);
  noise.fill(right);
  applyStereo(left, right, mask);
  applyTns(left.spectrum, left.filters);
  applyTns(right.spectrum, right.filters);
  return [left, right];
}

function readMask(bits: BitReader, { groups, bandCount }: WindowInfo): StereoMask | undefined {
  const kind = bits.read(2); // 0: no band, 1: as the bits say, 2: all
  if (kind === 0) return undefined;
  if (kind === 3) throw damaged('a frame has a stereo mask of a kind that does not exist');
  const bands = new Uint8Array(groups.length * bandCount).fill(1);
  if (kind === 1) for (let band = 0; band < bands.length; band++) bands[band] = bits.read(1);
  return { bands, invertsIntensity: kind === 1 };
}

/** fill_element, table 4.11. */
function skipFill(bits: BitReader): void {
  const count = bits.read(4);
  bits.skip(8 * (count < 15 ? count : count + bits.read(8) - 1));
}

/** data_stream_element, table 4.10. */
function skipData(bits: BitReader): void {
  const isAligned = bits.readFlag();
  const count = bits.read(8);
  const bytes = count < 255 ? count : count + bits.read(8);
  if (isAligned) bits.align();
  bits.skip(8 * bytes);
}

/** program_config_element, table 4.2: which element belongs to which loudspeaker. All are mixed here. */
function skipProgram(bits: BitReader): void {
  bits.skip(6); // object type, sample rate
  const [front, side, back] = [bits.read(4), bits.read(4), bits.read(4)];
  const [effects, data, coupling] = [bits.read(2), bits.read(3), bits.read(4)];
  for (const width of [4, 4, 3]) if (bits.readFlag()) bits.skip(width); // mono, stereo and matrix mixdown
  bits.skip(5 * (front + side + back + coupling) + 4 * (effects + data));
  bits.align();
  bits.skip(8 * bits.read(8)); // comment
}
