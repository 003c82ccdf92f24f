/** The worker thread of `compact.ts`: builds one generation, answers with its counts or the error's fields, and ends. */

import { parentPort, workerData } from 'node:worker_threads';
import { toChiasmError } from '#shared/core/errors.ts';
import { type BuildInput, buildGeneration } from './build-generation.ts';

try {
  parentPort?.postMessage({ output: buildGeneration(workerData as BuildInput) });
} catch (thrown) {
  const { code, message, stack, retryable } = toChiasmError(thrown);
  parentPort?.postMessage({ failure: { code, message, stack, retryable } });
}
