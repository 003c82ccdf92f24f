/**
 * Runs `buildGeneration` in a worker thread, so that searches and requests go on meanwhile; what takes less time than
 * starting a thread does is built at once.
 */

import { Worker } from 'node:worker_threads';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import { type BuildInput, type BuildOutput, buildGeneration } from './build-generation.ts';

interface BuildMessage {
  readonly output?: BuildOutput;
  readonly failure?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly stack?: string;
    readonly retryable: boolean;
  };
}

/** About 40 ms of work: 80 vectors of 768 dimensions. A thread takes more than 100 ms to start. */
const THREAD_ABOVE_BYTES = 256 * 1024;

/**
 * @throws ChiasmError what the build threw; `cancelled` when `signal` was aborted; `internal` when the thread died
 */
export function runBuild(input: BuildInput, signal: AbortSignal | undefined): Promise<BuildOutput> {
  const { promise, resolve, reject } = Promise.withResolvers<BuildOutput>();
  const cancelled = () => new ChiasmError('cancelled', 'the compaction was cancelled', { retryable: true });
  if (signal?.aborted) return Promise.reject(cancelled());
  if (sizeBytes(input) <= THREAD_ABOVE_BYTES) return Promise.resolve().then(() => buildGeneration(input));
  const worker = new Worker(new URL('./build-generation-worker.ts', import.meta.url), { workerData: input });
  const stop = () => {
    reject(cancelled());
    void worker.terminate();
  };
  signal?.addEventListener('abort', stop, { once: true });
  worker.on('message', ({ output, failure }: BuildMessage) => {
    if (output !== undefined) resolve(output);
    else if (failure !== undefined) {
      const { code, message, stack, retryable } = failure;
      reject(new ChiasmError(code, message, { retryable, cause: { stack } }));
    }
  });
  worker.on('error', (cause) =>
    reject(new ChiasmError('internal', `the compaction's thread failed: ${cause}`, { cause })),
  );
  worker.on('exit', (code) => {
    signal?.removeEventListener('abort', stop);
    reject(new ChiasmError('internal', `the compaction's thread ended with code ${code} and no result`)); // no effect after a result
  });
  return promise;
}

function sizeBytes({ previous, deltas, space }: BuildInput): number {
  const rows = previous === undefined ? 0 : Math.max(previous.description.rows, previous.description.parts);
  return deltas.reduce((sum, { bytes }) => sum + bytes.byteLength, rows * space.dimensions * 4);
}
