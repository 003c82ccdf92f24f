/**
 * Folds deltas into generations: on a schedule, and when a new delta arrives (the program counts them and does nothing below its
 * number). One run at a time; an event that comes meanwhile is dropped, since the next delta or schedule brings another.
 */

import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { DockerImageFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { grantObjects } from './object-grants.ts';
import { ProgramFunction, type ProgramFunctionProps } from './program-function.ts';

export interface CompactorProps
  extends Pick<ProgramFunctionProps, 'code' | 'environment' | 'logGroup' | 'memoryMb' | 'diskMb' | 'tracing'> {
  readonly data: ChiasmData;
  readonly every: Duration;
  /** Deltas of a space that start a run. */
  readonly afterDeltas: number;
  /** Reserve the one concurrent run. */
  readonly reserved: boolean;
}

/** The longest that Lambda allows. */
const TIMEOUT = Duration.minutes(15);

export class Compactor extends Construct {
  readonly function: DockerImageFunction;

  constructor(
    scope: Construct,
    id: string,
    { data, every, afterDeltas, reserved, environment, ...program }: CompactorProps,
  ) {
    super(scope, id);
    this.function = new ProgramFunction(this, 'Program', {
      ...program,
      description: 'Chiasm: folds deltas into generations',
      environment: { ...environment, [ENVIRONMENT.compactAfterDeltas]: String(afterDeltas) },
      timeout: TIMEOUT,
      reservedConcurrency: reserved ? 1 : undefined,
    }).function;
    grantObjects(this.function, data.storage.state, { read: true, write: true, delete: true }, data.key);
    data.vectors?.grant(this.function, { write: true });
    new Rule(this, 'Schedule', {
      description: 'Whatever is fresh is folded, so that the next start is quick',
      schedule: Schedule.rate(every),
      targets: [
        new LambdaFunction(this.function, { event: RuleTargetInput.fromObject({ source: 'chiasm.schedule' }) }),
      ],
    });
    new Rule(this, 'Deltas', {
      description: 'A new delta: fold once there are enough',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [data.storage.state.bucketName] },
          object: { key: [{ wildcard: `${spaceKeys('*').deltas}*` }] },
        },
      },
      targets: [new LambdaFunction(this.function)],
    });
  }
}
