/**
 * Brings a whole bucket in, or back in step: a Step Functions distributed map lists it and puts every object into the work
 * queue, ten a message batch. Objects that the index knows already cost one look each.
 */

import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import {
  Choice,
  Condition,
  DefinitionBody,
  DistributedMap,
  ItemBatcher,
  LogLevel,
  OutputType,
  QueryLanguage,
  ResultWriterV2,
  S3ObjectsItemReader,
  StateMachine,
  StateMachineType,
  Succeed,
  Transformation,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { importKeys } from '#shared/core/state-keys.ts';
import { acknowledge, acknowledgeWildcards, NO_RESOURCE } from '../acknowledge.ts';

export interface BucketImportProps {
  readonly media: IBucket;
  /** Where Step Functions writes which batches failed. */
  readonly results: IBucket;
  readonly queue: Queue;
  readonly logGroup: ILogGroup;
  readonly tracing: boolean;
  /** @default keys of AWS */
  readonly key?: IKey | undefined;
}

/** The most messages of one call to SQS. */
const BATCH = 10;
/** Batches sent at the same time: about 1,000 objects a second, well below what a queue takes. */
const CONCURRENCY = 40;

export class BucketImport extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { media, results, queue, logGroup, tracing, key }: BucketImportProps) {
    super(scope, id);
    const send = new CallAwsService(this, 'Send', {
      queryLanguage: QueryLanguage.JSONATA,
      service: 'sqs',
      action: 'sendMessageBatch',
      iamAction: 'sqs:SendMessage',
      iamResources: [queue.queueArn],
      parameters: { QueueUrl: queue.queueUrl, Entries: `{% ${ENTRIES} %}` },
      outputs: '{% $merge([$states.input, { "Failed": $states.result.Failed }]) %}', // the batch stays, should it go again
    });
    send.addRetry({ maxAttempts: 6, interval: Duration.seconds(1), backoffRate: 2 });
    // SQS may take a part of a batch only; sending all of it again does no harm
    const again = new Wait(this, 'Pause', { time: WaitTime.duration(Duration.seconds(2)) }).next(send);
    const sent = new Choice(this, 'AllSent', { queryLanguage: QueryLanguage.JSONATA })
      .when(Condition.jsonata('{% $count($states.input.Failed) > 0 %}'), again)
      .otherwise(new Succeed(this, 'Sent', { queryLanguage: QueryLanguage.JSONATA, outputs: '{% {} %}' }));
    const list = new DistributedMap(this, 'Objects', {
      queryLanguage: QueryLanguage.JSONATA,
      itemReader: new S3ObjectsItemReader({
        bucket: media,
        prefix: '{% $exists($states.input.prefix) ? $states.input.prefix : "" %}',
      }),
      itemBatcher: new ItemBatcher({ maxItemsPerBatch: BATCH, batchInput: { bucket: media.bucketName } }),
      maxConcurrency: CONCURRENCY,
      mapExecutionType: StateMachineType.EXPRESS,
      resultWriterV2: new ResultWriterV2({
        bucket: results,
        prefix: importKeys.prefix,
        writerConfig: { transformation: Transformation.COMPACT, outputType: OutputType.JSONL },
      }),
    });
    list.itemProcessor(send.next(sent));
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'Chiasm: queues every object of the media bucket. Input: {} or {"prefix": "..."}',
      definitionBody: DefinitionBody.fromChainable(list),
      queryLanguage: QueryLanguage.JSONATA,
      logs: { destination: logGroup, level: LogLevel.ERROR },
      tracingEnabled: tracing,
      timeout: Duration.days(2),
    });
    key?.grant(this.stateMachine, 'kms:GenerateDataKey', 'kms:Decrypt');
    this.stateMachine.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [media.bucketArn] }),
    );
    acknowledge(this.stateMachine, {
      'AwsSolutions-SF1': 'errors are logged; a line for each of millions of objects would cost more than the import',
      'AwsSolutions-SF2': 'traced unless the setting operations.tracing is off',
    });
    acknowledgeWildcards(this.stateMachine, [
      NO_RESOURCE('delivering logs and traces'),
      { endsWith: ':*', reason: 'the children of its own runs' },
      { endsWith: '/*', reason: 'the report of a run, in this one bucket' },
    ]);
  }
}

/** JSONata: a batch of listed objects as messages in the shape of S3's own events. */
const ENTRIES = `[$map($states.input.Items, function($object, $i) { {
  "Id": $string($i),
  "MessageBody": $string({
    "source": "chiasm.import",
    "detail-type": "Object Listed",
    "detail": {
      "bucket": { "name": $states.input.BatchInput.bucket },
      "object": { "key": $object.Key, "size": $object.Size, "etag": $object.Etag },
      "lastModified": $string($object.LastModified)
    }
  })
} })]`.replace(/\n\s*/g, ' ');
