/**
 * Builds a generation in worker threads, so that searches and requests go on meanwhile: first all but the graphs, then the
 * graphs side by side, as many as there are cores. What takes less time than starting a thread does is built at once.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import { type BuildInput, type Built, buildGeneration } from './build-generation.ts';
import { type GraphOutput, makeGraph } from './build-graph.ts';
import type { GraphDescription } from './manifest.ts';

export interface BuildOutput extends Omit<Built, 'graphTasks'> {
  readonly graphs: readonly GraphDescription[];
  /** Whether any graph was built anew. */
  readonly rebuilt: boolean;
}

interface WorkerMessage<T> {
  readonly output?: T;
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
export async function runBuild(input: BuildInput, signal: AbortSignal | undefined): Promise<BuildOutput> {
  const small = sizeBytes(input) <= THREAD_ABOVE_BYTES;
  throwIfCancelled(signal);
  const { graphTasks, ...built } = small
    ? buildGeneration(input)
    : await inThread<Built>({ generation: input }, signal);
  const waiting = [...graphTasks].sort((a, b) => b.rows.length - a.rows.length);
  const outputs: GraphOutput[] = [];
  const work = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      throwIfCancelled(signal);
      outputs.push(small ? makeGraph(task) : await inThread<GraphOutput>({ graph: task }, signal));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const graphs = outputs.map(({ description }) => description).sort((a, b) => (a.modality < b.modality ? -1 : 1));
  return {
    ...built,
    files: [...built.files, ...outputs.flatMap(({ files }) => files)],
    graphs,
    rebuilt: outputs.some(({ rebuilt }) => rebuilt),
  };
}

function inThread<T>(workerData: unknown, signal: AbortSignal | undefined): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const worker = new Worker(new URL('./build-worker.ts', import.meta.url), { workerData });
  const stop = () => {
    reject(cancelled());
    void worker.terminate();
  };
  signal?.addEventListener('abort', stop, { once: true });
  worker.on('message', ({ output, failure }: WorkerMessage<T>) => {
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

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled();
}

function cancelled(): ChiasmError {
  return new ChiasmError('cancelled', 'the compaction was cancelled', { retryable: true });
}

function sizeBytes({ previous, deltas, space }: BuildInput): number {
  const rows = previous === undefined ? 0 : Math.max(previous.description.rows, previous.description.parts);
  return deltas.reduce((sum, { bytes }) => sum + bytes.byteLength, rows * space.dimensions * 4);
}
