/**
 * A session in a thread of its own. onnxruntime-node computes on the thread that calls it, so that a batch of pictures
 * would stop a server from answering; here the event loop stays free, and each model waits for itself only.
 */

import { Worker } from 'node:worker_threads';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Session, SessionOptions, Tensors } from './session.ts';
import {
  fromPlainError,
  movableBuffers,
  type ThreadReply,
  type ThreadRequest,
  type ThreadTask,
} from './session-messages.ts';

type Opened = Extract<ThreadReply, { kind: 'opened' }>;
type Waiting = PromiseWithResolvers<Tensors>;

/** As `createOnnxSession`. An open session does not keep the process alive; a run does. */
export async function createThreadedSession(
  model: string | Uint8Array,
  options: SessionOptions = {},
): Promise<Session> {
  const task: ThreadTask = { model, options };
  const worker = new Worker(new URL('./session-thread.ts', import.meta.url), { workerData: task });
  const runs = new Map<number, Waiting>();
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const opened = await listen(worker, runs);
  worker.unref();

  let nextId = 0;
  let closing: Promise<void> | undefined;
  const send = (request: ThreadRequest, move: ArrayBuffer[] = []) => worker.postMessage(request, move);

  const run = async (inputs: Tensors, outputs?: readonly string[]): Promise<Tensors> => {
    if (closing) throw new ChiasmError('internal', 'the session is closed; open the model again');
    const id = nextId++;
    const waiting: Waiting = Promise.withResolvers();
    runs.set(id, waiting);
    worker.ref();
    try {
      send({ kind: 'run', id, inputs, outputs }, movableBuffers(inputs));
      return await waiting.promise;
    } finally {
      runs.delete(id);
      if (runs.size === 0 && !closing) worker.unref();
    }
  };

  const close = async (): Promise<void> => {
    await Promise.allSettled([...runs.values()].map(({ promise }) => promise));
    worker.ref();
    send({ kind: 'close' });
    await exited;
  };

  return {
    inputs: opened.inputs,
    outputs: opened.outputs,
    run,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Resolves when the model is open; settles runs as their answers come; fails all of them when the thread dies. */
function listen(worker: Worker, runs: ReadonlyMap<number, Waiting>): Promise<Opened> {
  return new Promise((resolve, reject) => {
    worker.on('message', (reply: ThreadReply) => {
      if (reply.kind === 'opened') resolve(reply);
      else if (reply.kind === 'refused') reject(fromPlainError(reply.error));
      else if (reply.kind === 'done') runs.get(reply.id)?.resolve(reply.outputs);
      else runs.get(reply.id)?.reject(fromPlainError(reply.error));
    });
    const fail = (error: ChiasmError) => {
      reject(error);
      for (const waiting of runs.values()) waiting.reject(error);
    };
    worker.once('error', (cause) =>
      fail(new ChiasmError('internal', `the thread of a model failed: ${cause}`, { cause })),
    );
    worker.once('exit', () =>
      fail(new ChiasmError('internal', 'the thread of a model has ended; open the model again')),
    );
  });
}
