/** The API's program: one function behind an alias, so that a new version takes over at once and a snapshot can be restored. */

import { Duration } from 'aws-cdk-lib';
import { Alias, type DockerImageFunction, SnapStartConf } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../acknowledge.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import type { StageSettings } from '../stage-settings.ts';
import { grantBedrockModel } from './bedrock-grant.ts';
import { grantQueueDepth, grantSend } from './grant-indexing.ts';
import { grantObjects } from './object-grants.ts';
import { ProgramFunction, type ProgramFunctionProps } from './program-function.ts';
import type { Trainer } from './trainer.ts';

export interface SearchFunctionProps
  extends Pick<ProgramFunctionProps, 'code' | 'environment' | 'logGroup' | 'memoryMb' | 'diskMb' | 'tracing'> {
  readonly data: ChiasmData;
  readonly trainer: Trainer;
  /** Model on Amazon Bedrock that answers questions. @default none */
  readonly bedrockModel?: string | undefined;
  readonly coldStart: StageSettings['api']['coldStart'];
  /** Functions kept warm when `coldStart` is `provisioned`. */
  readonly provisioned: number;
  /** Functions at the same time, reserved from those of the account. @default no limit of its own */
  readonly concurrency?: number | undefined;
}

/** Streamed answers may take longer than the 29 seconds of a buffered one. */
export const API_TIMEOUT = Duration.minutes(3);

export class SearchFunction extends Construct {
  readonly function: DockerImageFunction;
  readonly alias: Alias;

  constructor(
    scope: Construct,
    id: string,
    { data, trainer, bedrockModel, coldStart, provisioned, concurrency, ...program }: SearchFunctionProps,
  ) {
    super(scope, id);
    this.function = new ProgramFunction(this, 'Program', {
      ...program,
      description: 'Chiasm: the API',
      environment: { ...program.environment, ...trainer.environment },
      timeout: API_TIMEOUT,
      reservedConcurrency: concurrency,
      snapStart: coldStart === 'snapstart' ? SnapStartConf.ON_PUBLISHED_VERSIONS : undefined,
    }).function;
    acknowledge(this.function, {
      'Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish': 'requests go to the alias of a published version',
    });
    this.alias = new Alias(this, 'Live', {
      aliasName: 'live',
      version: this.function.currentVersion,
      ...(coldStart === 'provisioned' && { provisionedConcurrentExecutions: provisioned }),
    });
    const everything = { read: true, write: true, delete: true };
    grantObjects(this.function, data.storage.media, everything, data.key);
    // deleting writes tombstones, erasing rewrites files, thumbnails and jobs are kept beside the index
    grantObjects(this.function, data.storage.state, everything, data.key);
    grantSend(this.function, data.uploads.queue, data.key);
    grantQueueDepth(this.function, data);
    data.vectors?.grant(this.function, { write: true });
    trainer.task.grantRun(this.function);
    if (bedrockModel !== undefined) {
      grantBedrockModel(this, this.function, bedrockModel);
      const reason = 'an inference profile leads to this one model in several regions';
      acknowledgeWildcards(this, [{ endsWith: bedrockModel.slice(bedrockModel.indexOf('.') + 1), reason }]);
    }
  }
}
