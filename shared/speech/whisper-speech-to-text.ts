/**
 * Whisper on threads of its own: a minute of speech takes seconds of computing, in which a server must answer. The program of the
 * threads is the file `whisper-thread.ts` beside this one; a bundle must ship it as a file of its own.
 */

import { Worker } from 'node:worker_threads';
import { createWorkerPool } from '#shared/media/worker-pool.ts';
import { fromPlainError, type PlainError } from '#shared/runtime/session-messages.ts';
import type { SpeechToText, Transcript } from './speech-to-text.ts';

/** What a thread is given when it starts. */
export interface WhisperThread {
  readonly folder: string;
  /** Shared: its only number is 1 from the moment of closing on. */
  readonly stopped: Int32Array<SharedArrayBuffer>;
}

export type WhisperRequest = 'open' | { readonly samples: Float32Array };

export type WhisperReply =
  | { readonly opened: Omit<SpeechToText, 'transcribe' | 'close'> }
  | { readonly transcript: Transcript }
  | { readonly failure: PlainError };

/** One indexes; another is started when somebody asks a question meanwhile. */
const THREADS = 2;
/** Ten minutes of sound, the most that is read, on a slow machine; what takes longer hangs. */
const TIMEOUT_MS = 60 * 60_000;

/** @throws ChiasmError `not_found` or `model_invalid` when the folder holds no model in Whisper's layout */
export async function openWhisper(folder: string): Promise<SpeechToText> {
  const workerData: WhisperThread = { folder, stopped: new Int32Array(new SharedArrayBuffer(4)) };
  const startWorker = () => new Worker(new URL('./whisper-thread.ts', import.meta.url), { workerData });
  const pool = createWorkerPool<WhisperRequest, WhisperReply>(startWorker, {
    size: THREADS,
    timeoutMs: TIMEOUT_MS,
    patient: true,
  });
  const ask = async (request: WhisperRequest) => {
    const reply = await pool.run(request);
    if ('failure' in reply) throw fromPlainError(reply.failure);
    return reply;
  };
  const reply = await ask('open').catch(async (error) => {
    await pool.close();
    throw error;
  });
  const { opened } = reply as Extract<WhisperReply, { opened: unknown }>;
  return {
    ...opened,
    transcribe: async (samples) => {
      const { transcript } = (await ask({ samples })) as Extract<WhisperReply, { transcript: unknown }>;
      return transcript;
    },
    close: async () => {
      Atomics.store(workerData.stopped, 0, 1);
      await pool.close();
    },
  };
}
