/**
 * Lets the console's page, and no other, read and upload objects of the media bucket by their presigned addresses. The bucket is
 * older than the API's address, so the rule is set from here, while the stack is deployed.
 */

import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  AwsCustomResource,
  AwsCustomResourcePolicy,
  type AwsSdkCall,
  PhysicalResourceId,
} from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

export interface MediaCorsProps {
  readonly bucket: IBucket;
  readonly origin: string;
  readonly logGroup: ILogGroup;
}

export class MediaCors extends Construct {
  constructor(scope: Construct, id: string, { bucket, origin, logGroup }: MediaCorsProps) {
    super(scope, id);
    const Bucket = bucket.bucketName;
    const rule = {
      AllowedOrigins: [origin],
      AllowedMethods: ['GET', 'PUT'],
      AllowedHeaders: ['*'],
      ExposeHeaders: ['etag', 'content-range', 'accept-ranges'],
      MaxAgeSeconds: 3_600,
    };
    const put: AwsSdkCall = {
      service: 's3',
      action: 'putBucketCors',
      parameters: { Bucket, CORSConfiguration: { CORSRules: [rule] } },
      physicalResourceId: PhysicalResourceId.of('media-cors'),
    };
    new AwsCustomResource(this, 'Rule', {
      resourceType: 'Custom::MediaCors',
      installLatestAwsSdk: false,
      logGroup,
      onUpdate: put, // at creation too
      onDelete: { service: 's3', action: 'deleteBucketCors', parameters: { Bucket } },
      policy: AwsCustomResourcePolicy.fromStatements([
        new PolicyStatement({ actions: ['s3:PutBucketCORS'], resources: [bucket.bucketArn] }),
      ]),
    });
    const runner = Stack.of(this).node.children.find(({ node }) => node.id.startsWith('AWS679f53fac'));
    if (runner) {
      acknowledge(runner, {
        'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
          'writing its own log is all that the policy allows',
        'AwsSolutions-L1': 'the function is the one that the CDK ships, and runs only while the stack is deployed',
      });
    }
  }
}
