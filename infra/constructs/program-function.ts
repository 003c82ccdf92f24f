/** A Lambda function that runs one of the programs: memory, log group, tracing and role in one way for all of them. */

import { Duration, Size } from 'aws-cdk-lib';
import {
  Architecture,
  type DockerImageCode,
  DockerImageFunction,
  LoggingFormat,
  type SnapStartConf,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ANY_OBJECT, acknowledge, acknowledgeWildcards, NO_RESOURCE } from '../acknowledge.ts';

export interface ProgramFunctionProps {
  readonly code: DockerImageCode;
  readonly description: string;
  readonly environment: Record<string, string>;
  readonly logGroup: ILogGroup;
  readonly memoryMb: number;
  readonly timeout: Duration;
  /** @default 512 */
  readonly diskMb?: number;
  /** @default no limit of its own */
  readonly reservedConcurrency?: number | undefined;
  /** @default none */
  readonly snapStart?: SnapStartConf | undefined;
  readonly tracing: boolean;
  /** Of an event that failed. @default 0: the queue repeats it, or the next schedule; not Lambda as well */
  readonly retries?: number;
}

export class ProgramFunction extends Construct {
  readonly function: DockerImageFunction;

  constructor(scope: Construct, id: string, props: ProgramFunctionProps) {
    super(scope, id);
    this.function = new DockerImageFunction(this, 'Function', {
      code: props.code,
      description: props.description,
      environment: props.environment,
      architecture: Architecture.X86_64,
      memorySize: props.memoryMb,
      ephemeralStorageSize: Size.mebibytes(props.diskMb ?? 512),
      timeout: props.timeout,
      logGroup: props.logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      retryAttempts: props.retries ?? 0,
      maxEventAge: props.retries === undefined ? Duration.minutes(1) : Duration.hours(6),
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
      ...(props.snapStart && { snapStart: props.snapStart }),
    });
    acknowledge(this, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
        'writing its own log is all that the policy allows',
    });
    acknowledgeWildcards(this, [
      NO_RESOURCE('sending traces'),
      { endsWith: '/index/*', reason: 'any index of this one vector bucket: there is one for each model' },
      { endsWith: ':*', reason: 'any revision of this one task definition' },
      ANY_OBJECT,
    ]);
  }
}
