/**
 * A program that runs to its end in a task of its own, on AWS Fargate or on the machines of the GPU lane. Nothing runs, and
 * nothing is billed, before and after. It reads media, and reads and adds to the state.
 */

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
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ChiasmData } from '../chiasm-data.ts';
import { acknowledgeTask, LINUX_X64 } from './gpu-indexer.ts';
import { grantObjects } from './object-grants.ts';

/** Where tasks run, and on what. */
export interface WorkerMachine {
  readonly cluster: Cluster;
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  readonly vcpus: number;
  readonly memoryMb: number;
  /** The GPU machines of this provider. @default AWS Fargate */
  readonly gpuCapacityProviderName?: string | undefined;
}

export interface WorkerTaskProps {
  readonly data: ChiasmData;
  readonly machine: WorkerMachine;
  readonly image: ContainerImage;
  readonly environment: Record<string, string>;
  readonly logGroup: ILogGroup;
  /** Whether it adds vectors to a vector bucket. */
  readonly writesVectors: boolean;
}

export class WorkerTask extends Construct {
  readonly definition: TaskDefinition;
  readonly capacityProvider: string;
  /** Of the task's own; undefined where it shares its machine's. */
  readonly network: { readonly subnets: string[]; readonly securityGroups: string[] } | undefined;
  readonly cluster: Cluster;

  /** @param id names the program, its bundle and its container too */
  constructor(scope: Construct, id: 'trainer' | 'builder', props: WorkerTaskProps) {
    super(scope, id);
    const { cluster, vpc, securityGroup, vcpus, memoryMb, gpuCapacityProviderName } = props.machine;
    const gpu = gpuCapacityProviderName !== undefined;
    this.cluster = cluster;
    this.capacityProvider = gpuCapacityProviderName ?? 'FARGATE';
    this.network = gpu
      ? undefined
      : {
          subnets: vpc.publicSubnets.map(({ subnetId }) => subnetId),
          securityGroups: [securityGroup.securityGroupId],
        };
    this.definition = gpu
      ? new TaskDefinition(this, 'Task', {
          compatibility: Compatibility.EC2_AND_MANAGED_INSTANCES,
          networkMode: NetworkMode.HOST,
          cpu: String(vcpus * 1024),
          memoryMiB: String(memoryMb),
          runtimePlatform: LINUX_X64,
        })
      : new FargateTaskDefinition(this, 'Task', { cpu: vcpus * 1024, memoryLimitMiB: memoryMb });
    this.definition.addContainer(id, {
      image: props.image,
      command: [`${id}.mjs`],
      environment: props.environment,
      memoryLimitMiB: memoryMb,
      ...(gpu && { gpuCount: 1 }),
      logging: LogDrivers.awsLogs({ streamPrefix: id, logGroup: props.logGroup }),
    });
    const { storage, key, vectors } = props.data;
    const { taskRole } = this.definition;
    grantObjects(taskRole, storage.media, { read: true }, key);
    grantObjects(taskRole, storage.state, { read: true, write: true }, key);
    vectors?.grant(taskRole, { write: props.writesVectors });
    acknowledgeTask(this.definition);
  }

  /** Start and stop tasks of this kind, in this cluster only. */
  grantRun(grantee: IGrantable): void {
    const { cluster, definition } = this;
    const allow = (statement: PolicyStatement) => grantee.grantPrincipal.addToPrincipalPolicy(statement);
    const conditions = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
    const arn = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({ service: 'ecs', resource, resourceName });
    const definitions = [arn('task-definition', `${definition.family}:*`), arn('task-definition', definition.family)];
    allow(new PolicyStatement({ actions: ['ecs:RunTask'], resources: definitions, conditions }));
    const tasks = [arn(`task/${cluster.clusterName}`, '*')];
    allow(new PolicyStatement({ actions: ['ecs:StopTask', 'ecs:DescribeTasks'], resources: tasks, conditions }));
    const roles = [definition.taskRole.roleArn, definition.obtainExecutionRole().roleArn];
    const passedTo = { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } };
    allow(new PolicyStatement({ actions: ['iam:PassRole'], resources: roles, conditions: passedTo }));
  }
}
