/**
 * A sound file to mono samples, on worker threads: ten minutes of MP3 take seconds, in which the server must answer.
 * The worker's program is the file `audio-worker.ts` beside this one; a bundle must ship it as a file of its own.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import type { DecodedAudio, SampleOptions } from './decode-samples.ts';
import type { AudioFormat } from './detect-media-type.ts';
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from './limits.ts';
import { createWorkerPool } from './worker-pool.ts';

export interface AudioRequest {
  readonly bytes: Uint8Array;
  readonly format: AudioFormat;
  readonly options: SampleOptions;
}

export type AudioReply =
  | { readonly audio: DecodedAudio }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

/** The longest sound takes about five seconds; what takes a minute was made to. */
const TIMEOUT_MS = 60_000;

const pool = createWorkerPool<AudioRequest, AudioReply>(startWorker, {
  size: Math.max(1, Math.min(4, availableParallelism() - 1)),
  timeoutMs: TIMEOUT_MS,
});

function startWorker(): Worker {
  return new Worker(new URL('./audio-worker.ts', import.meta.url));
}

export interface DecodeAudioOptions {
  /** Of the samples that come out. */
  readonly sampleRateHz: number;
  readonly limits?: Pick<MediaLimits, 'audioBytes' | 'audioSeconds'>;
}

/** @throws ChiasmError `too_large`, `corrupt_input` or `unsupported_type`, with a reason for the user */
export async function decodeAudio(
  bytes: Uint8Array,
  format: AudioFormat,
  { sampleRateHz, limits = DEFAULT_MEDIA_LIMITS }: DecodeAudioOptions,
): Promise<DecodedAudio> {
  if (bytes.length === 0) throw new ChiasmError('corrupt_input', 'the file is empty');
  if (bytes.length > limits.audioBytes) {
    const megabytes = (count: number) => `${Math.ceil(count / 1e6)} MB`;
    throw new ChiasmError(
      'too_large',
      `the sound has ${megabytes(bytes.length)}; at most ${megabytes(limits.audioBytes)} are read`,
    );
  }
  const own = new Uint8Array(bytes); // a copy: the worker takes its bytes over
  const options = { sampleRateHz, maxSeconds: limits.audioSeconds };
  const reply = await pool.run({ bytes: own, format, options }, [own.buffer]);
  if ('failure' in reply) throw new ChiasmError(reply.failure.code, reply.failure.message);
  return reply.audio;
}
