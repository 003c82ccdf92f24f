/** What the data stack offers to the programs of the other two. */

import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Storage } from './constructs/storage.ts';
import type { UploadEvents } from './constructs/upload-events.ts';
import type { VectorStorage } from './constructs/vector-storage.ts';

export interface ChiasmData {
  readonly storage: Storage;
  readonly uploads: UploadEvents;
  /** Where alarms go. */
  readonly alarmTopic: ITopic;
  /** Absent: vectors live in the embedded index. */
  readonly vectors: VectorStorage | undefined;
  /** Absent: S3 and SQS use keys of their own. */
  readonly key: IKey | undefined;
}
