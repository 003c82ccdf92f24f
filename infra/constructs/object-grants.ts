/** Leave to touch objects of a bucket: the actions that a program calls, and no others (CDK's own grants say `s3:GetObject*`). */

import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';

export interface ObjectAccess {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly delete?: boolean;
}

const ACTIONS = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject', 's3:AbortMultipartUpload'],
  delete: ['s3:DeleteObject'],
} as const;

export function grantObjects(grantee: IGrantable, bucket: IBucket, access: ObjectAccess, key?: IKey): void {
  const actions = (['read', 'write', 'delete'] as const)
    .filter((kind) => access[kind])
    .flatMap((kind) => ACTIONS[kind]);
  const allow = (statement: PolicyStatement) => grantee.grantPrincipal.addToPrincipalPolicy(statement);
  allow(new PolicyStatement({ actions, resources: [bucket.arnForObjects('*')] }));
  // without it S3 answers 403 instead of 404 for an object that is not there
  if (access.read) allow(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
  if (access.read) key?.grantDecrypt(grantee);
  if (access.write) key?.grant(grantee, 'kms:GenerateDataKey', 'kms:Decrypt');
}
