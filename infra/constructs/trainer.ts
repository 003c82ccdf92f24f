/** Training jobs: a task is started for each job by the API and ends with it. Nothing runs, and nothing is billed, between jobs. */

import { Stack } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  type Cluster,
  Compatibility,
  type ContainerImage,
  FargateTaskDefinition,
  LogDrivers,
  NetworkMode,
  TaskDefinition,
} from 'aws-cdk-lib/aws-ecs';
import { Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { acknowledgeTask, LINUX_X64 } from './gpu-indexer.ts';
import { grantObjects } from './object-grants.ts';

export interface TrainerProps {
  readonly data: ChiasmData;
  readonly cluster: Cluster;
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  readonly image: ContainerImage;
  readonly environment: Record<string, string>;
  readonly logGroup: ILogGroup;
  readonly vcpus: number;
  readonly memoryMb: number;
  /** Train on the GPU machines of this provider. @default AWS Fargate */
  readonly gpuCapacityProviderName?: string | undefined;
}

export class Trainer extends Construct {
  readonly task: TaskDefinition;
  readonly #props: TrainerProps;

  constructor(scope: Construct, id: string, props: TrainerProps) {
    super(scope, id);
    this.#props = props;
    const gpu = props.gpuCapacityProviderName !== undefined;
    this.task = gpu
      ? new TaskDefinition(this, 'Task', {
          compatibility: Compatibility.EC2_AND_MANAGED_INSTANCES,
          networkMode: NetworkMode.HOST,
          cpu: String(props.vcpus * 1024),
          memoryMiB: String(props.memoryMb),
          runtimePlatform: LINUX_X64,
        })
      : new FargateTaskDefinition(this, 'Task', { cpu: props.vcpus * 1024, memoryLimitMiB: props.memoryMb });
    this.task.addContainer('trainer', {
      image: props.image,
      command: ['trainer.mjs'],
      environment: props.environment,
      memoryLimitMiB: props.memoryMb,
      ...(gpu && { gpuCount: 1 }),
      logging: LogDrivers.awsLogs({ streamPrefix: 'trainer', logGroup: props.logGroup }),
    });
    const { storage, key, vectors } = props.data;
    grantObjects(this.task.taskRole, storage.media, { read: true }, key);
    grantObjects(this.task.taskRole, storage.state, { read: true, write: true }, key);
    vectors?.grant(this.task.taskRole, { write: false });
    acknowledgeTask(this.task);
  }

  get cluster(): Cluster {
    return this.#props.cluster;
  }

  /** What the program that starts jobs must know. */
  get environment(): Record<string, string> {
    const { cluster, vpc, securityGroup, gpuCapacityProviderName } = this.#props;
    return {
      [ENVIRONMENT.cluster]: cluster.clusterName,
      [ENVIRONMENT.trainerTaskDefinition]: this.task.family,
      ...(gpuCapacityProviderName !== undefined
        ? { [ENVIRONMENT.trainerCapacityProvider]: gpuCapacityProviderName }
        : {
            [ENVIRONMENT.trainerSubnets]: vpc.publicSubnets.map(({ subnetId }) => subnetId).join(','),
            [ENVIRONMENT.trainerSecurityGroups]: securityGroup.securityGroupId,
          }),
    };
  }

  /** Start and stop jobs, in this cluster only. */
  grantRun(grantee: IGrantable): void {
    const { cluster } = this.#props;
    const allow = (statement: PolicyStatement) => grantee.grantPrincipal.addToPrincipalPolicy(statement);
    const conditions = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
    const arn = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({ service: 'ecs', resource, resourceName });
    allow(
      new PolicyStatement({
        actions: ['ecs:RunTask'],
        resources: [arn('task-definition', `${this.task.family}:*`), arn('task-definition', this.task.family)],
        conditions,
      }),
    );
    const tasks = [arn(`task/${cluster.clusterName}`, '*')];
    allow(new PolicyStatement({ actions: ['ecs:StopTask', 'ecs:DescribeTasks'], resources: tasks, conditions }));
    const roles = [this.task.taskRole.roleArn, this.task.obtainExecutionRole().roleArn];
    const passedTo = { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } };
    allow(
      new PolicyStatement({ effect: Effect.ALLOW, actions: ['iam:PassRole'], resources: roles, conditions: passedTo }),
    );
  }
}
