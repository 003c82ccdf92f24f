/** A worker thread of `run-build.ts`: does one task, answers with its result or the error's fields, and ends. */

import { parentPort, workerData } from 'node:worker_threads';
import { toChiasmError } from '#shared/core/errors.ts';
import { type BuildInput, buildGeneration } from './build-generation.ts';
import { type GraphTask, makeGraph } from './build-graph.ts';

const task = workerData as { readonly generation: BuildInput } | { readonly graph: GraphTask };
try {
  parentPort?.postMessage({ output: 'graph' in task ? makeGraph(task.graph) : buildGeneration(task.generation) });
} catch (thrown) {
  const { code, message, stack, retryable } = toChiasmError(thrown);
  parentPort?.postMessage({ failure: { code, message, stack, retryable } });
}
