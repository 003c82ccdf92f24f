/** What every program in AWS is made of: log, metrics, buckets, queue, model and index. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ENVIRONMENT } from '#functions/environment-names.ts';
import { systemClock } from '#shared/core/clock.ts';
import { createJsonLog, type LogLevel } from '#shared/core/log.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import type { SessionOptions } from '#shared/runtime/session.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createS3Client } from '#shared/store/s3-client.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { createEmfMetrics } from './emf.ts';

interface StageEnvironment {
  readonly [ENVIRONMENT.stage]: string;
  readonly [ENVIRONMENT.logLevel]: LogLevel;
  readonly [ENVIRONMENT.metricsNamespace]: string;
}

export type Program = 'api' | 'indexer' | 'small-lane' | 'compactor' | 'trainer';

/** Where copies of generations lie; a function's `/tmp` is its own. */
export const SCRATCH_FOLDER = join(tmpdir(), 'chiasm');

/** Lines of the log and metrics go to the standard output, where Lambda and ECS take them from. */
export function composeTelemetry(environment: StageEnvironment, program: Program) {
  const { CHIASM_STAGE: stage, CHIASM_LOG_LEVEL: level, CHIASM_METRICS_NAMESPACE: namespace } = environment;
  const writeLine = (line: string) => void process.stdout.write(`${line}\n`);
  return {
    clock: systemClock,
    log: createJsonLog(writeLine, systemClock, level).with({ program }),
    metrics: createEmfMetrics(writeLine, systemClock, namespace, { stage }),
  };
}

export function openBucket(bucket: string) {
  return createS3ObjectStore({ client: createS3Client({}), bucket });
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
