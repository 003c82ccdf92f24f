/** Runs `buildGeneration` in a worker thread, so that searches and requests go on meanwhile. */

import { Worker } from 'node:worker_threads';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import type { BuildInput, BuildOutput } from './build-generation.ts';

interface BuildMessage {
  readonly output?: BuildOutput;
  readonly failure?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly stack?: string;
    readonly retryable: boolean;
  };
}

/**
 * @throws ChiasmError what the build threw; `cancelled` when `signal` was aborted; `internal` when the thread died
 */
export function runBuild(input: BuildInput, signal: AbortSignal | undefined): Promise<BuildOutput> {
  const { promise, resolve, reject } = Promise.withResolvers<BuildOutput>();
  const cancelled = () => new ChiasmError('cancelled', 'the compaction was cancelled', { retryable: true });
  if (signal?.aborted) return Promise.reject(cancelled());
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
