/** A vector bucket of Amazon S3 Vectors, for collections that are too large for the embedded index. */

import { RemovalPolicy } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnVectorBucket } from 'aws-cdk-lib/aws-s3vectors';
import { Construct } from 'constructs';

export interface VectorStorageProps {
  /** @default keys of S3 */
  readonly key?: IKey | undefined;
  readonly keep: boolean;
}

const READ = ['s3vectors:GetIndex', 's3vectors:GetVectors', 's3vectors:ListVectors', 's3vectors:QueryVectors'];
/** Each model has its own index, which the first indexer of a new model makes: only it knows the dimensions. */
const WRITE = ['s3vectors:CreateIndex', 's3vectors:PutVectors', 's3vectors:DeleteVectors'];

export class VectorStorage extends Construct {
  readonly bucketName: string;
  readonly #arn: string;
  readonly #key: IKey | undefined;

  constructor(scope: Construct, id: string, { key, keep }: VectorStorageProps) {
    super(scope, id);
    const bucket = new CfnVectorBucket(this, 'Bucket', {
      encryptionConfiguration: key ? { sseType: 'aws:kms', kmsKeyArn: key.keyArn } : { sseType: 'AES256' },
    });
    bucket.applyRemovalPolicy(keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY);
    this.bucketName = bucket.ref;
    this.#arn = bucket.attrVectorBucketArn;
    this.#key = key;
    key?.grantDecrypt(new ServicePrincipal('indexing.s3vectors.amazonaws.com'));
  }

  grant(grantee: IGrantable, access: { readonly write: boolean }): void {
    const actions = access.write ? [...READ, ...WRITE] : READ;
    grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [`${this.#arn}/index/*`] }));
    this.#key?.grant(grantee, 'kms:Decrypt', ...(access.write ? ['kms:GenerateDataKey'] : []));
  }
}
