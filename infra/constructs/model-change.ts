/**
 * Another model: its space is built beside the one that answers, by a task that one execution of this state machine runs to its
 * end, again after an interruption. Its output is what the build, or the estimate, came to. Nothing is switched by it: the
 * deployment of the model as `model` does that.
 */

import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CustomState, DefinitionBody, LogLevel, QueryLanguage, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { BUILD_REPORT_KEY } from '#shared/core/state-keys.ts';
import { acknowledge, acknowledgeWildcards, NO_RESOURCE } from '../acknowledge.ts';
import type { BuildPrices } from '../costs/build-prices.ts';
import { WorkerTask, type WorkerTaskProps } from './worker-task.ts';

export interface ModelChangeProps extends Omit<WorkerTaskProps, 'writesVectors'> {
  readonly tracing: boolean;
  /** For the estimate. */
  readonly prices: BuildPrices;
}

/** An interrupted task goes on where it was: more of them means that something is wrong. */
const RETRIES = 5;

export class ModelChange extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { prices, environment, tracing, ...props }: ModelChangeProps) {
    super(scope, id);
    const task = new WorkerTask(this, 'builder', {
      ...props,
      environment: { ...environment, [ENVIRONMENT.buildPrices]: JSON.stringify(prices) },
      writesVectors: true,
    });
    const { state } = props.data.storage;
    const build = new CustomState(this, 'Build', { stateJson: runTask(task, Stack.of(this).partition) });
    const report = new CallAwsService(this, 'Report', {
      queryLanguage: QueryLanguage.JSONATA,
      service: 's3',
      action: 'getObject',
      iamResources: [state.arnForObjects(BUILD_REPORT_KEY)],
      parameters: { Bucket: state.bucketName, Key: BUILD_REPORT_KEY },
      outputs: '{% $parse($states.result.Body) %}',
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'Chiasm: builds the space of the next model. Input: {} or {"estimate": true}',
      definitionBody: DefinitionBody.fromChainable(build.next(report)),
      queryLanguage: QueryLanguage.JSONATA,
      logs: { destination: props.logGroup, level: LogLevel.ERROR },
      tracingEnabled: tracing,
      timeout: Duration.days(14),
    });
    task.grantRun(this.stateMachine);
    // by this rule Step Functions hears of the end of a task
    const rule = { service: 'events', resource: 'rule', resourceName: 'StepFunctionsGetEventsForECSTaskRule' };
    this.stateMachine.addToRolePolicy(
      new PolicyStatement({
        actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        resources: [Stack.of(this).formatArn(rule)],
      }),
    );
    props.data.key?.grantDecrypt(this.stateMachine);
    acknowledge(this.stateMachine, {
      'AwsSolutions-SF1': 'errors are logged; what is done is in the log of the task',
      'AwsSolutions-SF2': 'traced unless the setting operations.tracing is off',
    });
    acknowledgeWildcards(this.stateMachine, [
      NO_RESOURCE('delivering logs and traces'),
      { endsWith: ':*', reason: 'any revision of this one task definition' },
      { endsWith: '/*', reason: 'tasks of this one cluster' },
    ]);
  }
}

/** CDK's own task knows no capacity provider of managed instances. */
function runTask({ cluster, definition, capacityProvider, network, node }: WorkerTask, partition: string): object {
  const mode = '{% $states.input.estimate = true ? "estimate" : "build" %}';
  return {
    Type: 'Task',
    QueryLanguage: QueryLanguage.JSONATA,
    Resource: `arn:${partition}:states:::ecs:runTask.sync`,
    Arguments: {
      Cluster: cluster.clusterArn,
      TaskDefinition: definition.family,
      CapacityProviderStrategy: [{ CapacityProvider: capacityProvider, Weight: 1 }],
      ...(network && {
        NetworkConfiguration: {
          AwsvpcConfiguration: {
            Subnets: network.subnets,
            SecurityGroups: network.securityGroups,
            AssignPublicIp: 'ENABLED', // the way out without a NAT gateway; nothing is let in
          },
        },
      }),
      Overrides: {
        ContainerOverrides: [{ Name: node.id, Environment: [{ Name: ENVIRONMENT.buildMode, Value: mode }] }],
      },
    },
    Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 60, MaxAttempts: RETRIES, BackoffRate: 1 }],
  };
}
