/** Jobs as tasks of Amazon ECS: one task is started for each, is told the job's id by its environment, and ends with it. */

import { ECSClient, ECSServiceException, RunTaskCommand, type RunTaskCommandOutput } from '@aws-sdk/client-ecs';
import { ChiasmError } from '#shared/core/errors.ts';
import type { JobRunner } from './job-runner.ts';

export interface EcsJobRunnerOptions {
  /** ARN or name. */
  readonly cluster: string;
  /** Family, or family and revision; its container `trainer` runs the job. */
  readonly taskDefinition: string;
  /** `FARGATE`, or a capacity provider of the cluster. */
  readonly capacityProvider: string;
  /** Network of the task's own. @default the machine's */
  readonly network?: { readonly subnets: readonly string[]; readonly securityGroups: readonly string[] };
  /** Name of the environment variable that tells the job's id. */
  readonly jobIdVariable: string;
}

const MAX_TOKEN = 64;
/** The container of the task definition. */
const CONTAINER = 'trainer';

export function createEcsJobRunner(options: EcsJobRunnerOptions, client = new ECSClient({})): JobRunner {
  const { cluster, taskDefinition, capacityProvider, network, jobIdVariable } = options;
  return {
    start: async (jobId, after) => {
      const command = new RunTaskCommand({
        cluster,
        taskDefinition,
        clientToken: tokenOf(jobId, after),
        startedBy: jobId,
        capacityProviderStrategy: [{ capacityProvider, weight: 1 }],
        ...(network && {
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: [...network.subnets],
              securityGroups: [...network.securityGroups],
              assignPublicIp: 'ENABLED', // the way out without a NAT gateway; nothing is let in
            },
          },
        }),
        overrides: { containerOverrides: [{ name: CONTAINER, environment: [{ name: jobIdVariable, value: jobId }] }] },
      });
      const answer = await client.send(command).catch((cause) => {
        throw refused(jobId, cause instanceof Error ? cause.message : String(cause), cause);
      });
      const failure = failureOf(answer);
      if (failure !== undefined) throw refused(jobId, failure);
    },
  };
}

/** A request that is repeated starts no second task. @param after ARN of a task, whose last part is its id */
function tokenOf(jobId: string, after: string | undefined): string {
  return after === undefined ? jobId : `${jobId}-${after.slice(after.lastIndexOf('/') + 1)}`.slice(0, MAX_TOKEN);
}

function failureOf({ failures = [], tasks = [] }: RunTaskCommandOutput): string | undefined {
  if (failures.length === 0 && tasks.length > 0) return undefined;
  const reasons = failures.map(({ reason, detail }) => [reason, detail].filter(Boolean).join(': '));
  return reasons.join('; ') || 'no task was started';
}

function refused(jobId: string, reason: string, cause?: unknown): ChiasmError {
  const status = cause instanceof ECSServiceException ? cause.$metadata.httpStatusCode : undefined;
  const retryable = status === undefined || status >= 500 || status === 429;
  const message = `Amazon ECS did not start the job ${jobId}: ${reason}`;
  return new ChiasmError('storage_unavailable', message, { retryable, cause });
}
