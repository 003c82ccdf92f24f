/** What every program in AWS is made of: log, metrics, buckets, queue, model and index. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3VectorsClient } from '@aws-sdk/client-s3vectors';
import type { ENVIRONMENT } from '#functions/environment-names.ts';
import { type Clock, systemClock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { createJsonLog, type Log, type LogLevel } from '#shared/core/log.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { verifyEncoder } from '#shared/encoders/golden-vectors.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { readChange } from '#shared/ingest/read-change.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { createSqsClient } from '#shared/queue/sqs-client.ts';
import { openSqsQueue } from '#shared/queue/sqs-queue.ts';
import type { SessionOptions } from '#shared/runtime/session.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { openWhisper } from '#shared/speech/whisper-speech-to-text.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createS3Client } from '#shared/store/s3-client.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { type OpenIndexDependencies, openIndex } from '#shared/vector-index/open-index.ts';
import { openS3VectorsIndex } from '#shared/vector-index/s3-vectors-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { createEmfMetrics } from './emf.ts';

interface StageEnvironment {
  readonly [ENVIRONMENT.stage]: string;
  readonly [ENVIRONMENT.logLevel]: LogLevel;
  readonly [ENVIRONMENT.metricsNamespace]: string;
}

export type Program = 'api' | 'indexer' | 'small-lane' | 'compactor' | 'trainer' | 'caretaker' | 'builder';

/** Where copies of generations lie; a function's `/tmp` is its own. */
export const SCRATCH_FOLDER = join(tmpdir(), 'chiasm');

/** Lines of the log and metrics go to the standard output, where Lambda and ECS take them from. */
export function composeTelemetry(environment: StageEnvironment, program: Program) {
  const { CHIASM_STAGE: stage, CHIASM_LOG_LEVEL: level, CHIASM_METRICS_NAMESPACE: namespace } = environment;
  const writeLine = (line: string) => void process.stdout.write(`${line}\n`);
  const log = createJsonLog(writeLine, systemClock, level).with({ program });
  // whatever ends the program is a line of the log too, beside what Node writes
  process.on('uncaughtExceptionMonitor', (thrown) => log.error('program.failed', { error: toChiasmError(thrown) }));
  return {
    clock: systemClock,
    log,
    metrics: createEmfMetrics(writeLine, systemClock, namespace, { stage }),
  };
}

export function openBucket(bucket: string) {
  return createS3ObjectStore({ client: createS3Client({}), bucket });
}

interface QueueEnvironment {
  readonly [ENVIRONMENT.mediaBucket]: string;
  readonly [ENVIRONMENT.queueUrl]: string;
}

/** How messages of the work queue are received, and what their bodies say. */
export function queueDependencies(environment: QueueEnvironment, log: Log) {
  const { CHIASM_QUEUE_URL: queueUrl, CHIASM_MEDIA_BUCKET: bucket } = environment;
  const parse = (body: string): ChangeMessage | undefined => readChange(body, bucket);
  return { client: createSqsClient(queueUrl), queueUrl, parse, log };
}

export function openWorkQueue(environment: QueueEnvironment, log: Log) {
  return openSqsQueue(queueDependencies(environment, log));
}

/** The encoder on the chosen device. On CUDA an operator that CUDA lacks runs on the CPU. */
export async function openModel(environment: {
  readonly [ENVIRONMENT.modelFolder]: string;
  readonly [ENVIRONMENT.device]: 'cpu' | 'cuda';
}) {
  const { CHIASM_MODEL_FOLDER: folder, CHIASM_DEVICE: device } = environment;
  const executionProviders: SessionOptions['executionProviders'] = device === 'cuda' ? ['cuda', 'cpu'] : ['cpu'];
  const model = await openModelFolder(folder);
  return { model, encoder: await createEncoder(model, { openSession: createThreadedSession }, { executionProviders }) };
}

/** The model that writes down what is said; undefined where none is set. */
export async function openSpeech(environment: { readonly [ENVIRONMENT.speech]?: string | undefined }) {
  const { CHIASM_SPEECH: folder } = environment;
  return folder === undefined ? undefined : openWhisper(folder);
}

/** As `openModel`. @throws ChiasmError `model_invalid` when the model gives other vectors here than it should */
export async function openVerifiedModel(environment: Parameters<typeof openModel>[0], log: Log) {
  const { model, encoder } = await openModel(environment);
  log.info('model.checked', { space: encoder.space.id, vectors: await verifyEncoder(model.path, encoder) });
  return { model, encoder };
}

export interface VectorEnvironment {
  readonly [ENVIRONMENT.vectorIndex]: 'embedded' | 's3-vectors';
  readonly [ENVIRONMENT.vectorBucket]?: string | undefined;
}

/** The index where the setting says that the vectors are. @throws ChiasmError `invalid_request` without the bucket's name */
export async function openSpaceIndex(
  environment: VectorEnvironment,
  deps: OpenIndexDependencies,
): Promise<VectorIndex> {
  const { CHIASM_VECTOR_INDEX: where, CHIASM_VECTOR_BUCKET: bucket } = environment;
  if (where === 'embedded') return openIndex(deps);
  if (bucket === undefined) {
    throw new ChiasmError('invalid_request', 'CHIASM_VECTOR_INDEX=s3-vectors needs CHIASM_VECTOR_BUCKET');
  }
  return openS3VectorsIndex(deps, { client: new S3VectorsClient({}), bucket });
}

/** The space of the deployment's model, open for searching and training. */
export async function openServedSpace(
  environment: Parameters<typeof openModel>[0] & VectorEnvironment,
  stateStore: ObjectStore,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
) {
  const { model, encoder } = await openModel(environment);
  const indexDeps = { store: stateStore, space: encoder.space, clock, log, scratchFolder: SCRATCH_FOLDER };
  const index = await openSpaceIndex(environment, indexDeps);
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  return {
    model,
    encoder,
    index,
    indexDeps,
    spaces: createSpaceSet([{ encoder, embedder, index, modalities: encoder.modalities }]),
    close: async () => {
      await index.close();
      await encoder.close();
    },
  };
}
