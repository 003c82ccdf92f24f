/** The CPU lane: a few uploads are indexed within seconds without starting a GPU; a large backlog is left to the GPU lane. */

import { Duration } from 'aws-cdk-lib';
import type { DockerImageFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import type { ChiasmData } from '../chiasm-data.ts';
import { grantIndexing } from './grant-indexing.ts';
import { ProgramFunction, type ProgramFunctionProps } from './program-function.ts';

export interface SmallLaneProps
  extends Pick<ProgramFunctionProps, 'code' | 'environment' | 'logGroup' | 'memoryMb' | 'tracing'> {
  readonly data: ChiasmData;
  /** Functions that run at the same time, 2 at least. */
  readonly concurrency: number;
  /** Whether it writes down what is said in sounds, one at a time. */
  readonly listens: boolean;
}

/** A third of the time for which a message is hidden: a batch that is cut off comes again only after all its tries have ended. */
const TIMEOUT = Duration.minutes(5);
/** Batches as large as SQS gives them without waiting for more; so few sounds are heard within the time. */
const BATCH = 10;
const BATCH_WITH_SOUNDS = 3;

export class SmallLane extends Construct {
  readonly function: DockerImageFunction;

  constructor(scope: Construct, id: string, { data, concurrency, listens, ...program }: SmallLaneProps) {
    super(scope, id);
    const description = 'Chiasm: indexes small uploads on the CPU';
    this.function = new ProgramFunction(this, 'Program', { ...program, description, timeout: TIMEOUT }).function;
    grantIndexing(this.function, data);
    this.function.addEventSource(
      new SqsEventSource(data.uploads.queue, {
        batchSize: listens ? BATCH_WITH_SOUNDS : BATCH,
        maxConcurrency: concurrency,
        reportBatchItemFailures: true,
      }),
    );
  }
}
