/**
 * A generative reader on a thread of its own: an answer takes seconds of computing, in which a server must answer. The program of
 * the thread is the file `generative-thread.ts` beside this one; a bundle must ship it as a file of its own.
 */

import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ChiasmError } from '#shared/core/errors.ts';
import { createWorkerPool } from '#shared/media/worker-pool.ts';
import { fromPlainError, type PlainError } from '#shared/runtime/session-messages.ts';
import type { CandidateAnswer, Caption, Reader, ReaderRequest } from './reader.ts';

/** Of a thread: which model it is for. */
export interface GenerativeModel {
  readonly folder: string;
  readonly modelType: string;
}

export type GenerativeRequest =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'read' | 'caption';
      readonly asked: Omit<ReaderRequest, 'onText' | 'signal'>;
      /** Gives the text as it is written, then closes; takes a message when nobody waits for the answer any more. */
      readonly line: MessagePort;
      readonly streams: boolean;
    };

export type GenerativeReply =
  | { readonly opened: Pick<Reader, 'name' | 'facts' | 'abstainBelow'> }
  | { readonly read: readonly CandidateAnswer[] }
  | { readonly caption: Caption }
  | { readonly failure: PlainError };

/** One picture at a time: a second model would take its gigabytes again. */
const THREADS = 1;
/** 64 words of a model of two thousand million parameters on a slow machine; what takes longer hangs. */
const TIMEOUT_MS = 10 * 60_000;

/** @throws ChiasmError `model_invalid` when the folder lacks a file or its graphs do not fit together */
export async function openGenerativeReader(folder: string, modelType: string): Promise<Reader> {
  const model: GenerativeModel = { folder, modelType };
  const startWorker = () => new Worker(new URL('./generative-thread.ts', import.meta.url), { workerData: model });
  const pool = createWorkerPool<GenerativeRequest, GenerativeReply>(startWorker, {
    size: THREADS,
    timeoutMs: TIMEOUT_MS,
    patient: true,
  });

  const closing = new AbortController();

  const write = async (kind: 'read' | 'caption', { onText, signal: wanted, ...asked }: ReaderRequest) => {
    const signal = AbortSignal.any([closing.signal, ...(wanted ? [wanted] : [])]);
    refuseUnwanted(signal);
    const { port1: ours, port2: line } = new MessageChannel();
    const written = once(ours, 'close');
    ours.on('message', (text: string) => onText?.(text));
    const stop = () => ours.postMessage('stop');
    signal.addEventListener('abort', stop);
    try {
      const reply = await pool.run({ kind, asked, line, streams: onText !== undefined }, [line]);
      if ('failure' in reply) throw fromPlainError(reply.failure);
      await written; // the thread closed its end behind the last piece
      refuseUnwanted(signal);
      return reply;
    } catch (error) {
      refuseUnwanted(signal); // whatever else has become of it
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      ours.close();
    }
  };

  const reply = await pool.run({ kind: 'open' });
  if ('failure' in reply) throw fromPlainError(reply.failure); // the thread ends by itself
  const { opened } = reply as Extract<GenerativeReply, { opened: unknown }>;
  return {
    ...opened,
    knows: () => false, // what it writes need not be one of them: ranking chooses
    read: async (request) => ((await write('read', request)) as Extract<GenerativeReply, { read: unknown }>).read,
    captioner: {
      name: opened.name,
      caption: async (request) => {
        const described = await write('caption', { ...request, question: '' });
        return (described as Extract<GenerativeReply, { caption: unknown }>).caption;
      },
    },
    close: async () => {
      closing.abort();
      await pool.close();
    },
  };
}

function refuseUnwanted(signal: AbortSignal): void {
  if (signal.aborted) throw new ChiasmError('cancelled', 'the answer was no longer wanted');
}
