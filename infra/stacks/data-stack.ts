/** What must not be lost: buckets, queues and their key. Kept when the stack is deleted, which is refused to begin with. */

import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { ChiasmData } from '../chiasm-data.ts';
import { Notifications } from '../constructs/notifications.ts';
import { Storage } from '../constructs/storage.ts';
import { UploadEvents } from '../constructs/upload-events.ts';
import { VectorStorage } from '../constructs/vector-storage.ts';
import type { StageSettings } from '../stage-settings.ts';

export interface DataStackProps extends StackProps {
  readonly settings: StageSettings;
}

export class DataStack extends Stack implements ChiasmData {
  readonly key: Key | undefined;
  readonly storage: Storage;
  readonly uploads: UploadEvents;
  readonly vectors: VectorStorage | undefined;
  readonly alarmTopic: Topic;

  constructor(scope: Construct, id: string, { settings, ...props }: DataStackProps) {
    super(scope, id, { description: 'Chiasm: media, state and work that waits', ...props });
    const { protect: keep, media } = settings;
    if (settings.encryption === 'customer') {
      this.key = new Key(this, 'Key', {
        description: `Chiasm ${settings.stage}: media, state, queues, alarms`,
        enableKeyRotation: true,
        removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      });
    }
    const { key } = this;
    this.storage = new Storage(this, 'Storage', { ...media, existingMediaBucket: media.existingBucket, key, keep });
    this.uploads = new UploadEvents(this, 'Uploads', { media: this.storage.media, key });
    if (settings.vectors.index === 's3-vectors') this.vectors = new VectorStorage(this, 'Vectors', { key, keep });
    const { alarmEmail: email, monthlyBudgetUsd } = settings.operations;
    const { stage } = settings;
    this.alarmTopic = new Notifications(this, 'Notifications', { stage, email, monthlyBudgetUsd, key }).topic;
    new CfnOutput(this, 'MediaBucket', { value: this.storage.media.bucketName, description: 'Put files here' });
    new CfnOutput(this, 'StateBucket', { value: this.storage.state.bucketName });
    new CfnOutput(this, 'DeadLetters', { value: this.uploads.deadLetters.queueUrl });
  }
}
