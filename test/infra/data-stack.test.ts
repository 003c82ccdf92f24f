/** What is kept, and the way of an upload to the work queue. */

import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { ofType, SYNTHESIS_MS, type Synthesised, synthesise } from './synthesise.ts';

let stage: Synthesised;
let ownKey: Synthesised;

beforeAll(() => {
  stage = synthesise();
  ownKey = synthesise({ encryption: 'customer' });
}, SYNTHESIS_MS);

describe('the data stack', () => {
  it('cannot be deleted by mistake, and keeps its buckets when it is deleted', () => {
    expect(stage.terminationProtection).toEqual({ Data: true, Workers: false, Serving: false });
    const buckets = ofType(stage, 'Data', 'AWS::S3::Bucket');
    expect(buckets.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Retain', 'Retain', 'Retain']);
  });

  it('sends every written or deleted object of the media bucket to the work queue, and what cannot be sent to the dead letters', () => {
    const data = stage.template.Data;
    const mediaId = Object.keys(stage.resources.Data).find((id) => /^StorageMedia\w{8}$/.test(id));
    data.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
      LoggingConfiguration: { LogFilePrefix: 'media/' },
    });
    data.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created', 'Object Deleted'],
        detail: { bucket: { name: [{ Ref: mediaId }] } },
      },
      State: 'ENABLED',
      Targets: [
        {
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('UploadsQueue'), 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('UploadsDeadLetters'), 'Arn'] } },
        },
      ],
    });
  });

  it('lets only that rule of EventBridge put messages into the queue from outside', () => {
    const policies = ofType(stage, 'Data', 'AWS::SQS::QueuePolicy');
    const allowed = policies.flatMap(({ Properties }) =>
      Properties.PolicyDocument.Statement.filter(({ Effect }: any) => Effect === 'Allow'),
    );
    expect(allowed).toHaveLength(2);
    for (const { Principal, Condition } of allowed) {
      expect(Principal).toEqual({ Service: 'events.amazonaws.com' });
      expect(JSON.stringify(Condition)).toContain('UploadsChanges');
    }
  });

  it('hides a message for longer than either lane works on a batch, and gives up after five tries', () => {
    stage.template.Data.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 900,
      MessageRetentionPeriod: 1_209_600,
      RedrivePolicy: { maxReceiveCount: 5 },
    });
    const [lane] = ofType(stage, 'Workers', 'AWS::Lambda::Function', /^SmallLane/);
    expect(lane!.Properties.Timeout).toBe(300);
  });

  it('lets EventBridge and alarms use the key of a stage that has its own', () => {
    ownKey.template.Data.hasResourceProperties('AWS::KMS::Key', {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({ Principal: { Service: 'events.amazonaws.com' } }),
          Match.objectLike({ Principal: { Service: 'cloudwatch.amazonaws.com' } }),
        ]),
      },
    });
  });

  it('lets alarms of this account, and of no other, speak through its topic', () => {
    stage.template.Data.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
  });

  it('says where to put files', () => {
    expect(stage.outputs.Data).toEqual(['MediaBucket', 'StateBucket', 'DeadLetters']);
  });
});
