/**
 * The worker of the GPU lane: asks the queue for messages until it is told to stop. It takes none before the model has
 * given the right vectors on this machine.
 */

import { utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWorkQueue } from '#functions/cloud/compose.ts';
import { ingest } from '#shared/ingest/ingest.ts';
import { composeIndexer } from './compose.ts';
import { readAgentUri, readEnvironment } from './env.ts';
import { countInWork } from './in-work.ts';
import { createOutcomes } from './outcomes.ts';
import { createTaskProtection } from './task-protection.ts';

/** Touched at each look at the queue, for the container's health check. */
const HEARTBEAT_FILE = join(tmpdir(), 'chiasm-heartbeat');
/** Larger batches than on a laptop: what a GPU gains, it gains by them. */
const CUDA_BATCH_INPUTS = 128;
const REFRESH_MS = 30_000;
const METRICS_MS = 10_000;

const environment = readEnvironment();
const { index, encoder, speech, line, log, metrics } = await composeIndexer(environment, 'indexer');
const queue = await openWorkQueue(environment, log);
const protection = createTaskProtection({ log }, { agentUri: readAgentUri() });
const outcomes = createOutcomes(metrics);

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info('indexer.stopping', { signal });
    stopping.abort();
    void speech?.close(); // what it is listening to takes minutes: another task hears it
  });
}

/** Takes in what others have written, so that what is fresh here does not grow for ever. */
const refreshing = setInterval(() => void index.refresh(), REFRESH_MS);
const measuring = setInterval(outcomes.flush, METRICS_MS);
const received = countInWork(queue, (messages) => {
  beat();
  protection.busy(messages);
});

log.info('indexer.started', { space: encoder.space.id, device: environment.CHIASM_DEVICE });
try {
  await ingest(
    { ...line, queue: received, onSettled: outcomes.onSettled },
    {
      maxAttempts: queue.maxAttempts,
      ...(environment.CHIASM_DEVICE === 'cuda' && { batchInputs: CUDA_BATCH_INPUTS }),
    },
    stopping.signal,
  );
} finally {
  clearInterval(refreshing);
  clearInterval(measuring);
  outcomes.flush();
  await queue.close(); // what was not finished comes to another task at once
  await protection.close();
  await index.close();
  await encoder.close();
}
log.info('indexer.stopped');

function beat(): void {
  const now = new Date();
  try {
    utimesSync(HEARTBEAT_FILE, now, now);
  } catch {
    writeFileSync(HEARTBEAT_FILE, ''); // the first beat
  }
}
