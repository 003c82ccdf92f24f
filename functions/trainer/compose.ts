/** The trainer of the cloud: one task of ECS for one job. */

import { z } from 'zod';
import { composeTelemetry, openBucket, openServedSpace } from '#functions/cloud/compose.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import type { RunJobDependencies } from '#shared/jobs/run-job.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import type { TrainerEnvironment } from './env.ts';
import { createJobKinds } from './job-kinds.ts';

/** The record is an object of S3: each beat is a read and a write of it. */
const HEARTBEAT_MS = 2_000;
const METADATA_TIMEOUT_MS = 5_000;

export async function composeTrainer(environment: TrainerEnvironment) {
  const telemetry = composeTelemetry(environment, 'trainer');
  const { clock, log } = telemetry;
  const mediaStore = openBucket(environment.CHIASM_MEDIA_BUCKET);
  const stateStore = openBucket(environment.CHIASM_STATE_BUCKET);
  const { spaces, close } = await openServedSpace(environment, stateStore, telemetry);
  const job: RunJobDependencies = {
    jobs: createJobStore(stateStore),
    kinds: createJobKinds({
      mediaStore,
      stateStore,
      spaces: () => spaces,
      openSession: createThreadedSession,
      clock,
    }),
    clock,
    log,
    owner: await ownName(environment.ECS_CONTAINER_METADATA_URI_V4),
    heartbeatMs: HEARTBEAT_MS,
  };
  return { ...telemetry, job, close };
}

/**
 * The ARN of this task, by which the caretaker recognises the jobs of one that has ended; any name outside of ECS.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
 */
async function ownName(metadataUri: string | undefined): Promise<string> {
  if (metadataUri === undefined) return `trainer-${crypto.randomUUID()}`;
  const response = await fetch(`${metadataUri}/task`, { signal: AbortSignal.timeout(METADATA_TIMEOUT_MS) });
  return z.object({ TaskARN: z.string() }).parse(await response.json()).TaskARN;
}
