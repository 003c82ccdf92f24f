/** A few worker threads that answer one request at a time each. They start when needed and do not keep the process alive. */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Transferable, Worker } from 'node:worker_threads';
import { ChiasmError } from '#shared/core/errors.ts';

export interface WorkerPool<Request, Reply> {
  /**
   * The reply of the next free worker.
   * @throws ChiasmError `too_large` after the time limit, `internal` when the worker ends; both times a new one takes its place
   */
  run(request: Request, transfer?: readonly Transferable[]): Promise<Reply>;
  /** Ends all workers; what is asked then, or waits for a worker (or, unless `patient`, for a reply), fails with `internal`. */
  close(): Promise<void>;
}

export interface WorkerPoolOptions {
  readonly size: number;
  /** A request that takes longer is given up, and its worker is ended (`patient`: once it is done). */
  readonly timeoutMs: number;
  /**
   * No worker is ended before it has replied, as one that is while ONNX Runtime computes takes the process with it: `close` waits
   * for the replies, of those that were given up for another time limit at most. Until they reply, these keep their place, so
   * that no more than `size` ever compute.
   */
  readonly patient?: boolean;
}

export function createWorkerPool<Request, Reply>(
  startWorker: () => Worker,
  { size, timeoutMs, patient = false }: WorkerPoolOptions,
): WorkerPool<Request, Reply> {
  const idle: Worker[] = [];
  const workers = new Set<Worker>();
  const asked = new Set<Promise<Reply>>();
  const givenUp = new Set<Worker>();
  let closed = false;
  const waiting: (() => void)[] = [];
  let busy = 0;

  const acquire = async (): Promise<void> => {
    if (busy >= size) await new Promise<void>((resolve) => waiting.push(resolve));
    else busy++;
  };
  const start = (): Worker => {
    const worker = startWorker();
    workers.add(worker);
    return worker.once('exit', () => workers.delete(worker));
  };
  /** The place goes to the next that waits, so that `busy` never exceeds `size`. */
  const release = () => {
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  };

  const ask = (worker: Worker, request: Request, transfer: readonly Transferable[]) =>
    new Promise<Reply>((resolve, reject) => {
      const onMessage = (reply: Reply) => settle(() => resolve(reply));
      const onError = (error: unknown) => settle(() => reject(workerEnded(error)));
      const onExit = (exitCode: number) => onError(new Error(`exit code ${exitCode}`));
      const timer = setTimeout(() => {
        settle(() => reject(new ChiasmError('too_large', `it took more than ${timeoutMs / 1000} seconds`)));
      }, timeoutMs);
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        finish();
      };
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.ref();
      worker.postMessage(request, [...transfer]);
    });

  /** Ends the worker, whose request has failed. Resolves when it has ended. */
  const dismiss = async (worker: Worker, error: unknown): Promise<void> => {
    worker.on('error', () => {}); // it failed already; what it says while it ends adds nothing
    const isComputing = error instanceof ChiasmError && error.code === 'too_large';
    if (patient && isComputing) {
      worker.unref();
      givenUp.add(worker);
      await new Promise<void>((resolve) => worker.once('message', resolve).once('exit', resolve));
    }
    await worker.terminate();
    givenUp.delete(worker);
  };

  const run = async (request: Request, transfer: readonly Transferable[] = []): Promise<Reply> => {
    await acquire();
    let leaving: Promise<void> | undefined;
    try {
      if (closed) throw workerEnded('closed');
      const worker = idle.pop() ?? start();
      const answering = ask(worker, request, transfer);
      asked.add(answering);
      const reply = await answering
        .finally(() => asked.delete(answering))
        .catch((error) => {
          leaving = dismiss(worker, error);
          throw error;
        });
      worker.unref();
      idle.push(worker);
      return reply;
    } finally {
      if (leaving === undefined) release();
      else void leaving.then(release);
    }
  };
  const close = async (): Promise<void> => {
    closed = true;
    if (patient) {
      await Promise.allSettled(asked);
      for (const worker of givenUp) worker.ref();
      const late = [...givenUp].map((worker) => once(worker, 'exit'));
      await Promise.race([Promise.allSettled(late), sleep(timeoutMs, undefined, { ref: false })]);
    }
    await Promise.all([...workers].map((worker) => worker.terminate()));
  };
  return { run, close };
}

function workerEnded(cause: unknown): ChiasmError {
  return new ChiasmError('internal', 'a worker thread ended before it replied', { cause });
}
