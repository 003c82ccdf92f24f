/** Jobs as tasks of the deployment's own cluster: started by the API, and again by the caretaker. */

import { ENVIRONMENT } from '#functions/environment-names.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { createEcsJobRunner } from '#shared/jobs/ecs-job-runner.ts';
import type { JobRunner } from '#shared/jobs/job-runner.ts';
import type { TrainerVariables } from './environment.ts';

export function composeJobRunner(environment: TrainerVariables): JobRunner {
  const {
    CHIASM_CLUSTER: cluster,
    CHIASM_TRAINER_TASK_DEFINITION: taskDefinition,
    CHIASM_TRAINER_CAPACITY_PROVIDER: capacityProvider,
    CHIASM_TRAINER_SUBNETS: subnets,
    CHIASM_TRAINER_SECURITY_GROUPS: securityGroups = [],
  } = environment;
  if (cluster === undefined || taskDefinition === undefined) return { start: refuseJobs };
  return createEcsJobRunner({
    cluster,
    taskDefinition,
    capacityProvider,
    jobIdVariable: ENVIRONMENT.jobId,
    ...(subnets && { network: { subnets, securityGroups } }),
  });
}

async function refuseJobs(): Promise<never> {
  throw new ChiasmError('invalid_request', 'this deployment runs no jobs: it has no cluster for them');
}
