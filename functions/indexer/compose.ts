/** The indexer of the cloud, for both of its lanes: a worker that asks the queue, and a function that is handed messages. */

import {
  composeTelemetry,
  openBucket,
  openModel,
  openSpaceIndex,
  openSpeech,
  type Program,
  SCRATCH_FOLDER,
} from '#functions/cloud/compose.ts';
import { verifyEncoder } from '#shared/encoders/golden-vectors.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import type { IngestDependencies } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { readChange } from '#shared/ingest/read-change.ts';
import { createTranscriber } from '#shared/ingest/transcriber.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { createSqsClient } from '#shared/queue/sqs-client.ts';
import { createSqsEventQueue, type SqsRecord } from '#shared/queue/sqs-event-queue.ts';
import { openSqsQueue } from '#shared/queue/sqs-queue.ts';
import { readRedrive } from '#shared/queue/sqs-redrive.ts';
import type { IndexerEnvironment } from './env.ts';

/** @throws ChiasmError `model_invalid` when the model gives other vectors here than it should */
export async function composeIndexer(environment: IndexerEnvironment, program: Program) {
  const telemetry = composeTelemetry(environment, program);
  const { clock, log } = telemetry;
  const mediaStore = openBucket(environment.CHIASM_MEDIA_BUCKET);
  const { model, encoder } = await openModel(environment);
  log.info('model.checked', { space: encoder.space.id, vectors: await verifyEncoder(model.path, encoder) });
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

/** How messages of the work queue are received, and what their bodies say. */
function queueDependencies(environment: IndexerEnvironment, log: IngestDependencies['log']) {
  const queueUrl = environment.CHIASM_QUEUE_URL;
  const parse = (body: string): ChangeMessage | undefined => readChange(body, environment.CHIASM_MEDIA_BUCKET);
  return { client: createSqsClient(queueUrl), queueUrl, parse, log };
}

export function openWorkQueue(environment: IndexerEnvironment, log: IngestDependencies['log']) {
  return openSqsQueue(queueDependencies(environment, log));
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
