/** Training jobs: a task is started for each job by the API and ends with it. */

import { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { WorkerTask, type WorkerTaskProps } from './worker-task.ts';

export class Trainer extends Construct {
  readonly task: WorkerTask;

  constructor(scope: Construct, id: string, props: Omit<WorkerTaskProps, 'writesVectors'>) {
    super(scope, id);
    this.task = new WorkerTask(this, 'trainer', { ...props, writesVectors: false });
  }

  /** What the program that starts jobs must know. */
  get environment(): Record<string, string> {
    const { cluster, definition, capacityProvider, network } = this.task;
    return {
      [ENVIRONMENT.cluster]: cluster.clusterName,
      [ENVIRONMENT.trainerTaskDefinition]: definition.family,
      [ENVIRONMENT.trainerCapacityProvider]: capacityProvider,
      ...(network && {
        [ENVIRONMENT.trainerSubnets]: network.subnets.join(','),
        [ENVIRONMENT.trainerSecurityGroups]: network.securityGroups.join(','),
      }),
    };
  }
}
