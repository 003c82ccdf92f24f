/** What an indexer may do, on a GPU or in the small lane: read media, add to the state, work off the queue. */

import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { ChiasmData } from '../chiasm-data.ts';
import { grantObjects } from './object-grants.ts';

export function grantIndexing(grantee: IGrantable, { storage, uploads, vectors, key }: ChiasmData): void {
  grantObjects(grantee, storage.media, { read: true }, key);
  grantObjects(grantee, storage.state, { read: true, write: true }, key);
  uploads.queue.grantConsumeMessages(grantee);
  // a message that cannot be worked on goes there with its reason
  grantSend(grantee, uploads.deadLetters, key);
  vectors?.grant(grantee, { write: true });
}

/** CDK's own grant would give every `kms:GenerateDataKey*` and `kms:ReEncrypt*` of the key. */
export function grantSend(grantee: IGrantable, queue: IQueue, key?: IKey): void {
  const actions = ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];
  grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [queue.queueArn] }));
  key?.grant(grantee, 'kms:GenerateDataKey', 'kms:Decrypt');
}

/** How long the queue and its dead letters are. */
export function grantQueueDepth(grantee: IGrantable, { uploads }: ChiasmData): void {
  const { queue, deadLetters } = uploads;
  const actions = ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];
  const resources = [queue.queueArn, deadLetters.queueArn];
  grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
}
