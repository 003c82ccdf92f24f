/** The indexer of the cloud, for both of its lanes: a worker that asks the queue, and a function that is handed messages. */

import {
  composeTelemetry,
  openBucket,
  openModel,
  openSpaceIndex,
  openSpeech,
  openVerifiedModel,
  type Program,
  queueDependencies,
  SCRATCH_FOLDER,
} from '#functions/cloud/compose.ts';
import type { IngestDependencies } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { createTranscriber } from '#shared/ingest/transcriber.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { createSqsEventQueue, type SqsRecord } from '#shared/queue/sqs-event-queue.ts';
import { readRedrive } from '#shared/queue/sqs-redrive.ts';
import type { IndexerEnvironment } from './env.ts';

/** @throws ChiasmError `model_invalid` when the model gives other vectors here than it should */
export async function composeIndexer(environment: IndexerEnvironment, program: Program) {
  const telemetry = composeTelemetry(environment, program);
  const { clock, log } = telemetry;
  const mediaStore = openBucket(environment.CHIASM_MEDIA_BUCKET);
  const { encoder } = await openVerifiedModel(environment, log);
  const index = await openSpaceIndex(environment, {
    store: openBucket(environment.CHIASM_STATE_BUCKET),
    space: encoder.space,
    clock,
    log,
    scratchFolder: SCRATCH_FOLDER,
  });
  const speech = await openSpeech(environment);
  const limits = DEFAULT_MEDIA_LIMITS;
  const transcriber = speech && createTranscriber(speech, limits);
  const line: Omit<IngestDependencies, 'queue' | 'onSettled'> = {
    index,
    encoder,
    prepare: createPrepare({ mediaStore, index, encoder, limits, ...(transcriber && { transcriber }) }),
    clock,
    log,
  };
  return { ...telemetry, index, encoder, speech, line };
}

/** Makes the records of one event a queue. */
export async function openEventQueue(environment: IndexerEnvironment, log: IngestDependencies['log']) {
  const deps = queueDependencies(environment, log);
  const redrive = await readRedrive(deps.client, deps.queueUrl);
  const queueOf = (records: readonly SqsRecord[]) => createSqsEventQueue({ ...deps, redrive }, records);
  return { queueOf, maxAttempts: redrive.maxAttempts };
}

/** The model as golden vectors are made with it. */
export async function openGoldenModel(folder: string) {
  return (await openModel({ CHIASM_MODEL_FOLDER: folder, CHIASM_DEVICE: 'cpu' })).encoder;
}
