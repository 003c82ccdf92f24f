/**
 * Brings back in step what lost events and dead machines have left: compares the bucket with the index on a schedule and after
 * each deployment, and starts the task of a job again that has ended before the job.
 */

import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { DockerImageFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { grantQueueDepth, grantSend } from './grant-indexing.ts';
import { grantObjects } from './object-grants.ts';
import { ProgramFunction, type ProgramFunctionProps } from './program-function.ts';
import type { Trainer } from './trainer.ts';

export interface CaretakerProps
  extends Pick<ProgramFunctionProps, 'code' | 'environment' | 'logGroup' | 'memoryMb' | 'diskMb' | 'tracing'> {
  readonly data: ChiasmData;
  readonly trainer: Trainer;
  /** How often the bucket is compared with the index; 0: only after a deployment. */
  readonly everyHours: number;
  /** Differences that one pass queues. */
  readonly atMost: number;
}

/** A stack that was rolled back has had the new indexers for a while. */
const TAKEN_OVER = ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'];
/** The longest that Lambda allows. A listing of a million objects takes a few minutes. */
const TIMEOUT = Duration.minutes(15);

export class Caretaker extends Construct {
  readonly function: DockerImageFunction;

  constructor(
    scope: Construct,
    id: string,
    { data, trainer, everyHours, atMost, environment, ...program }: CaretakerProps,
  ) {
    super(scope, id);
    this.function = new ProgramFunction(this, 'Program', {
      ...program,
      description: 'Chiasm: finds what events have lost, and starts interrupted jobs again',
      environment: { ...environment, ...trainer.environment, [ENVIRONMENT.reconcileAtMost]: String(atMost) },
      timeout: TIMEOUT,
      retries: 2, // nobody repeats the event of a task that has ended
    }).function;
    const { media, state } = data.storage;
    this.function.addToRolePolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [media.bucketArn] }));
    grantObjects(this.function, state, { read: true, write: true }, data.key);
    grantSend(this.function, data.uploads.queue, data.key);
    grantQueueDepth(this.function, data);
    trainer.task.grantRun(this.function);
    if (everyHours > 0) {
      new Rule(this, 'Schedule', {
        description: 'What the bucket has and the index has not is queued',
        schedule: Schedule.rate(Duration.hours(everyHours)),
        targets: [
          new LambdaFunction(this.function, { event: RuleTargetInput.fromObject({ source: 'chiasm.schedule' }) }),
        ],
      });
    }
    // CloudFormation says so once the indexers before have ended, which may be those of another model with another space
    const stack = Stack.of(this);
    const stackId = stack.formatArn({ service: 'cloudformation', resource: 'stack', resourceName: stack.stackName });
    new Rule(this, 'Deployed', {
      description: 'Other indexers have taken over: what did the ones before leave out?',
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: { 'stack-id': [{ prefix: `${stackId}/` }], 'status-details': { status: TAKEN_OVER } },
      },
      targets: [
        new LambdaFunction(this.function, { event: RuleTargetInput.fromObject({ source: 'chiasm.deployed' }) }),
      ],
    });
    new Rule(this, 'TaskStopped', {
      description: 'The task of a job has ended: has the job?',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          clusterArn: [trainer.task.cluster.clusterArn],
          group: [`family:${trainer.task.definition.family}`],
          lastStatus: ['STOPPED'],
        },
      },
      targets: [new LambdaFunction(this.function)],
    });
  }
}
