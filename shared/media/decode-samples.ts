/** A sound file to mono samples at one rate. Runs where it is called; `decode-audio.ts` calls it in a worker. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { AudioBlock, AudioSource } from './audio-source.ts';
import type { AudioFormat } from './detect-media-type.ts';
import { openAudio } from './open-audio.ts';
import { createResampler, type Resampler } from './resample-samples.ts';

export interface DecodedAudio {
  /** Mono [S] in [-1, 1] at the rate that was asked for. */
  readonly samples: Float32Array;
  readonly durationSeconds: number;
  /** Of the file. */
  readonly sampleRateHz: number;
  readonly channels: number;
}

export interface SampleOptions {
  readonly sampleRateHz: number;
  readonly maxSeconds: number;
}

const SLOWEST_HZ = 1000;
const FASTEST_HZ = 768_000;

/** A file may lack this share of what its header promises: encoders count their padding differently. */
const MISSING_SHARE = 0.02;
const MISSING_SECONDS = 0.2;

/** Float files of broken programs hold a few values that are not numbers; they become silence. More than this is no sound. */
const NOT_FINITE_SHARE = 0.01;

/** @throws ChiasmError `too_large`, `corrupt_input` or `unsupported_type`, with a reason for the user */
export async function decodeSamples(
  bytes: Uint8Array,
  format: AudioFormat,
  { sampleRateHz, maxSeconds }: SampleOptions,
): Promise<DecodedAudio> {
  const source = openAudio(bytes, format);
  if (source.durationSeconds !== undefined) checkDuration(source.durationSeconds, maxSeconds);
  const outputs: Float32Array[] = [];
  let resampler: Resampler | undefined;
  let first: AudioBlock | undefined;
  let frames = 0;
  let notFinite = 0;
  for await (const block of readBlocks(source)) {
    first ??= checkBlock(block);
    if (block.sampleRateHz !== first.sampleRateHz) throw corrupt('its sample rate changes on the way');
    const mono = mixToMono(block.channelData);
    frames += mono.samples.length;
    notFinite += mono.notFinite;
    checkDuration(frames / first.sampleRateHz, maxSeconds);
    resampler ??= createResampler(first.sampleRateHz, sampleRateHz);
    outputs.push(resampler.push(mono.samples));
  }
  if (first === undefined || resampler === undefined) throw corrupt('it holds no samples');
  if (notFinite > frames * NOT_FINITE_SHARE) throw corrupt('its samples are not numbers');
  const durationSeconds = frames / first.sampleRateHz;
  checkCompleteness(source, durationSeconds);
  outputs.push(resampler.flush());
  const samples = joinClamped(outputs);
  return { samples, durationSeconds, sampleRateHz: first.sampleRateHz, channels: first.channelData.length };
}

async function* readBlocks(source: AudioSource): AsyncGenerator<AudioBlock> {
  try {
    yield* source.blocks();
  } catch (error) {
    if (error instanceof ChiasmError) throw error;
    throw corrupt(`its decoder says: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

function checkBlock(block: AudioBlock): AudioBlock {
  const { sampleRateHz } = block;
  if (!Number.isInteger(sampleRateHz) || sampleRateHz < SLOWEST_HZ || sampleRateHz > FASTEST_HZ) {
    throw corrupt(`it claims ${sampleRateHz} samples a second`);
  }
  return block;
}

function checkDuration(seconds: number, maxSeconds: number): void {
  if (!Number.isFinite(seconds)) throw corrupt('its header claims 0 samples a second');
  if (seconds <= maxSeconds) return;
  throw new ChiasmError(
    'too_large',
    `the sound is longer than ${duration(maxSeconds)}, which is the longest that is read: cut it into shorter files`,
  );
}

function checkCompleteness({ durationSeconds, isExact }: AudioSource, decodedSeconds: number): void {
  if (!isExact || durationSeconds === undefined) return;
  if (decodedSeconds + MISSING_SECONDS >= durationSeconds * (1 - MISSING_SHARE)) return;
  throw corrupt(`its header promises ${duration(durationSeconds)} and ${duration(decodedSeconds)} are there`);
}

function duration(seconds: number): string {
  return seconds >= 120 ? `${Math.round(seconds / 6) / 10} minutes` : `${Math.round(seconds * 10) / 10} seconds`;
}

/** The mean of the channels. What is not a number becomes silence and is counted. */
function mixToMono(channelData: readonly Float32Array[]): { samples: Float32Array; notFinite: number } {
  const [first = new Float32Array(0), ...others] = channelData;
  const samples = first.slice();
  for (const channel of others) for (let i = 0; i < samples.length; i++) samples[i]! += channel[i]!;
  let notFinite = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]! / channelData.length;
    if (!Number.isFinite(value)) notFinite++;
    samples[i] = Number.isFinite(value) ? value : 0;
  }
  return { samples, notFinite };
}

function joinClamped(blocks: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) joined[at++] = Math.max(-1, Math.min(1, block[i]!));
  }
  return joined;
}

function corrupt(reason: string, cause?: unknown): ChiasmError {
  return new ChiasmError('corrupt_input', `the sound is damaged or incomplete: ${reason}`, { cause });
}
