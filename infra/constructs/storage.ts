/** The buckets: what users stored (media), what Chiasm made of it (state), and who asked for what (access logs). */

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CfnBucket,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { importKeys } from '#shared/core/state-keys.ts';
import { acknowledge } from '../acknowledge.ts';

export interface StorageProps {
  /** @default a bucket is made */
  readonly existingMediaBucket?: string | undefined;
  /** @default keys of S3 */
  readonly key?: IKey | undefined;
  /** Keep the buckets when the stack is deleted. */
  readonly keep: boolean;
  /** @default 0: none are kept */
  readonly keepReplacedDays?: number;
  /** @default 0: never */
  readonly intelligentTieringAfterDays?: number;
}

const ACCESS_LOG_DAYS = 90;

export class Storage extends Construct {
  readonly media: IBucket;
  readonly state: Bucket;
  readonly accessLogs: Bucket;

  constructor(scope: Construct, id: string, props: StorageProps) {
    super(scope, id);
    const common: BucketProps = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: props.keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
    const encryption: BucketProps = props.key
      ? { encryption: BucketEncryption.KMS, encryptionKey: props.key, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED };
    this.accessLogs = new Bucket(this, 'AccessLogs', {
      ...common,
      encryption: BucketEncryption.S3_MANAGED, // the only kind that S3 can deliver its logs under
      lifecycleRules: [{ id: 'expire', expiration: Duration.days(ACCESS_LOG_DAYS) }, ABANDONED_UPLOADS],
    });
    acknowledge(this.accessLogs, {
      'AwsSolutions-S1': 'it is the bucket of the access logs; logging it would not end',
    });
    const logged = (prefix: string): BucketProps => ({
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: prefix,
    });
    // No versions: an erased vector must be gone, and of its files only the manifest is ever written twice.
    this.state = new Bucket(this, 'State', {
      ...common,
      ...encryption,
      ...logged('state/'),
      lifecycleRules: [
        ABANDONED_UPLOADS,
        { id: 'import-reports', prefix: importKeys.prefix, expiration: Duration.days(30) },
      ],
    });
    announceChanges(this.state);
    if (props.existingMediaBucket !== undefined) {
      this.media = Bucket.fromBucketName(this, 'Media', props.existingMediaBucket);
      return;
    }
    const media = new Bucket(this, 'Media', {
      ...common,
      ...encryption,
      ...logged('media/'),
      versioned: (props.keepReplacedDays ?? 0) > 0,
      lifecycleRules: [ABANDONED_UPLOADS, ...mediaLifeCycle(props)],
    });
    announceChanges(media);
    this.media = media;
  }
}

/** To EventBridge. The construct's own switch would bring a function of its own to say so. */
function announceChanges(bucket: Bucket): void {
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
}

const ABANDONED_UPLOADS: LifecycleRule = {
  id: 'abandoned-uploads',
  abortIncompleteMultipartUploadAfter: Duration.days(2),
};

function mediaLifeCycle({ keepReplacedDays = 0, intelligentTieringAfterDays = 0 }: StorageProps): LifecycleRule[] {
  const rules: LifecycleRule[] = [];
  if (keepReplacedDays > 0) {
    rules.push({
      id: 'replaced',
      noncurrentVersionExpiration: Duration.days(keepReplacedDays),
      expiredObjectDeleteMarker: true,
    });
  }
  if (intelligentTieringAfterDays > 0) {
    const transitionAfter = Duration.days(intelligentTieringAfterDays);
    rules.push({
      id: 'tiering',
      transitions: [{ storageClass: StorageClass.INTELLIGENT_TIERING, transitionAfter }],
    });
  }
  return rules;
}
