/**
 * From an object that changed to a message of work: S3 -> EventBridge -> SQS, with dead letters. Uploads and deletes go the
 * same way; both lanes of indexers read the one queue.
 */

import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

export interface UploadEventsProps {
  readonly media: IBucket;
  /** @default keys of SQS */
  readonly key?: IKey | undefined;
}

/** Longer than any batch is worked on; what is not finished then is worked on again. */
const VISIBILITY = Duration.minutes(15);
/** The longest that SQS keeps a message. */
const RETENTION = Duration.days(14);
/** Tries of one message before it is a dead letter. */
const MAX_RECEIVES = 5;

export class UploadEvents extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** Changes that arrived, as EventBridge counts them. */
  readonly arrived: Rule;

  constructor(scope: Construct, id: string, { media, key }: UploadEventsProps) {
    super(scope, id);
    const common = {
      enforceSSL: true,
      retentionPeriod: RETENTION,
      ...(key
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse: Duration.hours(1) }
        : { encryption: QueueEncryption.SQS_MANAGED }),
    };
    this.deadLetters = new Queue(this, 'DeadLetters', common);
    this.queue = new Queue(this, 'Queue', {
      ...common,
      visibilityTimeout: VISIBILITY,
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    acknowledge(this.deadLetters, { 'AwsSolutions-SQS3': 'it is the queue of the dead letters' });
    this.arrived = new Rule(this, 'Changes', {
      description: 'Objects of the media bucket that were written or deleted become messages of work',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created', 'Object Deleted'],
        detail: { bucket: { name: [media.bucketName] } },
      },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.deadLetters, maxEventAge: Duration.hours(24) })],
    });
  }
}
