/** What the stacks of a stage consist of, and how the parts are joined: the way of an upload, scaling from zero, the door of the API. */

import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { ALARM_METRICS } from '../../infra/costs/workloads.ts';
import { SYNTHESIS_MS, type Synthesised, synthesise } from './synthesise.ts';

let stage: Synthesised;
let changed: Synthesised;
let signed: Synthesised;

beforeAll(() => {
  stage = synthesise();
  changed = synthesise({
    encryption: 'customer',
    api: { consoleOrigin: 'https://console.example.org' },
    smallLane: { concurrency: 0 },
    gpu: { maxTasks: 3, backlogPerTask: 1_000 },
    trainer: { hardware: 'gpu' },
    nextModel: 'siglip2-base',
    reader: 'bedrock:amazon.nova-lite-v1:0',
    reconcile: { everyHours: 0 },
  });
  signed = synthesise({ api: { authorization: 'iam' }, speech: 'whisper-base' });
}, SYNTHESIS_MS);

describe('the data stack', () => {
  it('cannot be deleted by mistake, and keeps its buckets when it is deleted', () => {
    expect(stage.terminationProtection).toEqual({ Data: true, Workers: false, Serving: false });
    const buckets = Object.values(stage.resources.Data).filter(({ Type }) => Type === 'AWS::S3::Bucket');
    expect(buckets.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Retain', 'Retain', 'Retain']);
  });

  it('sends every written or deleted object of the media bucket to the work queue, and what cannot be sent to the dead letters', () => {
    const data = stage.template.Data;
    const [mediaId] = Object.entries(stage.resources.Data).find(
      ([id, { Type }]) => Type === 'AWS::S3::Bucket' && /Media/.test(id),
    )!;
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
    const policies = Object.values(stage.resources.Data).filter(({ Type }) => Type === 'AWS::SQS::QueuePolicy');
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
    const timeouts = Object.values(stage.resources.Workers)
      .filter(
        ({ Type, Properties }) => Type === 'AWS::Lambda::Function' && /small uploads/.test(Properties.Description),
      )
      .map(({ Properties }) => Properties.Timeout);
    expect(timeouts).toEqual([300]);
  });

  it('lets EventBridge and alarms use the key of a stage that has its own', () => {
    changed.template.Data.hasResourceProperties('AWS::KMS::Key', {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({ Principal: { Service: 'events.amazonaws.com' } }),
          Match.objectLike({ Principal: { Service: 'cloudwatch.amazonaws.com' } }),
        ]),
      },
    });
  });

  it('says where to put files', () => {
    expect(stage.outputs.Data).toEqual(['MediaBucket', 'StateBucket', 'DeadLetters']);
  });
});

describe('the workers stack', () => {
  const policyOf = (of: Synthesised, id: RegExp) =>
    Object.entries(of.resources.Workers).filter(
      ([name, { Type }]) => Type === 'AWS::ApplicationAutoScaling::ScalingPolicy' && id.test(name),
    )[0]![1].Properties.StepScalingPolicyConfiguration;
  const alarmOf = (of: Synthesised, id: RegExp) =>
    Object.entries(of.resources.Workers).find(
      ([name, { Type }]) => Type === 'AWS::CloudWatch::Alarm' && id.test(name),
    )![1].Properties;

  it('runs no GPU task until a backlog asks for one', () => {
    const workers = stage.template.Workers;
    workers.hasResourceProperties('AWS::ECS::Service', { DesiredCount: 0 });
    workers.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 0, MaxCapacity: 1 });
    expect(policyOf(stage, /Start/)).toMatchObject({
      AdjustmentType: 'ExactCapacity',
      StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
    });
    expect(alarmOf(stage, /Waiting/)).toMatchObject({
      Threshold: 500,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
    });
  });

  it('starts a GPU for the first message when there is no small lane, more with the backlog, without gaps between the steps', () => {
    expect(alarmOf(changed, /Waiting/)).toMatchObject({
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
    expect(policyOf(changed, /Start/).StepAdjustments).toEqual([
      { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 1_000, ScalingAdjustment: 1 },
      { MetricIntervalLowerBound: 1_000, MetricIntervalUpperBound: 2_000, ScalingAdjustment: 2 },
      { MetricIntervalLowerBound: 2_000, ScalingAdjustment: 3 },
    ]);
    changed.template.Workers.resourceCountIs('AWS::Lambda::EventSourceMapping', 0);
  });

  it('goes back to no task when nothing waits or is in work for ten minutes, also when SQS measures nothing', () => {
    expect(policyOf(changed, /Stop/).StepAdjustments).toEqual([{ MetricIntervalUpperBound: 0, ScalingAdjustment: 0 }]);
    expect(alarmOf(changed, /WorkedOff/)).toMatchObject({
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 10,
      TreatMissingData: 'breaching',
    });
  });

  it('gives the GPU task its GPU, and leave to protect itself', () => {
    stage.template.Workers.hasResourceProperties('AWS::ECS::TaskDefinition', {
      NetworkMode: 'host',
      RequiresCompatibilities: ['EC2', 'MANAGED_INSTANCES'],
      ContainerDefinitions: [
        Match.objectLike({
          ResourceRequirements: [{ Type: 'GPU', Value: '1' }],
          Environment: Match.arrayWith([{ Name: ENVIRONMENT.device, Value: 'cuda' }]),
        }),
      ],
    });
    stage.template.Workers.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'] }),
        ]),
      },
    });
  });

  it('takes machines with an NVIDIA GPU, and ends them soon after their last task', () => {
    stage.template.Workers.hasResourceProperties('AWS::ECS::CapacityProvider', {
      ManagedInstancesProvider: {
        InfrastructureOptimization: { ScaleInAfter: 180 },
        InstanceLaunchTemplate: {
          CapacityOptionType: 'ON_DEMAND',
          InstanceRequirements: {
            AcceleratorTypes: ['gpu'],
            AcceleratorManufacturers: ['nvidia'],
            AcceleratorCount: { Min: 1 },
          },
        },
        PropagateTags: 'CAPACITY_PROVIDER',
      },
    });
  });

  it('lets the small lane report single messages of a batch, and bounds how many functions it takes', () => {
    stage.template.Workers.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 4 },
    });
  });

  it('gives the speech model, where one is set, to whatever hears sounds or questions, with less to do at once', () => {
    const listening = (of: Synthesised) =>
      [...Object.values(of.resources.Workers), ...Object.values(of.resources.Serving)]
        .filter((resource) => JSON.stringify(resource.Properties).includes(ENVIRONMENT.speech))
        .map(({ Type }) => Type);
    expect(listening(stage)).toEqual([]);
    expect(new Set(listening(signed))).toEqual(new Set(['AWS::Lambda::Function', 'AWS::ECS::TaskDefinition']));
    stage.template.Workers.hasResourceProperties('AWS::Lambda::EventSourceMapping', { BatchSize: 10 });
    signed.template.Workers.hasResourceProperties('AWS::Lambda::EventSourceMapping', { BatchSize: 3 });
  });

  it('lets indexers read media, never write or delete it', () => {
    const actions = actionsOn(stage, 'Workers', /SmallLane|GpuIndexerTask/, 'Media');
    expect(actions).toEqual(['s3:GetObject', 's3:ListBucket']);
  });

  it('compacts once at a time, on schedule and after deltas', () => {
    const workers = stage.template.Workers;
    workers.hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 1,
      Timeout: 900,
      ImageConfig: { Command: ['compactor.handler'] },
      Environment: { Variables: Match.objectLike({ [ENVIRONMENT.compactAfterDeltas]: '64' }) },
    });
    workers.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 hour)' });
    workers.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: { detail: { object: { key: [{ wildcard: 'spaces/*/delta/*' }] } } },
    });
    workers.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  it('queues a whole bucket in the shape of the messages that the indexers read', () => {
    const [machine] = Object.values(stage.resources.Workers).filter(
      ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
    );
    const definition = JSON.stringify(machine!.Properties.DefinitionString);
    expect(definition).toContain('DISTRIBUTED');
    expect(definition).toContain('listObjectsV2');
    expect(definition).toContain('sendMessageBatch');
    expect(definition).toContain('Object Listed');
  });

  it('builds the space of another model in a task of its own, on the machines of the trainer, with the new model in its image', () => {
    expect(stage.outputs.Workers).not.toContain('ModelChangeStateMachine');
    expect(changed.outputs.Workers).toContain('ModelChangeStateMachine');
    const ofTask = (name: string) =>
      Object.values(changed.resources.Workers).find(
        ({ Type, Properties }) =>
          Type === 'AWS::ECS::TaskDefinition' && Properties.ContainerDefinitions[0].Name === name,
      )!.Properties;
    const [builder, trainer] = [ofTask('builder'), ofTask('trainer')];
    expect(builder).toMatchObject({ Cpu: trainer.Cpu, Memory: trainer.Memory, NetworkMode: 'host' });
    expect(builder.ContainerDefinitions[0]).toMatchObject({ Command: ['builder.mjs'] });
    expect(builder.ContainerDefinitions[0].Image).not.toEqual(trainer.ContainerDefinitions[0].Image);
    const prices = builder.ContainerDefinitions[0].Environment.find(
      ({ Name }: any) => Name === ENVIRONMENT.buildPrices,
    );
    expect(JSON.parse(prices.Value).instanceHour).toBeGreaterThan(0.5);
    const machines = Object.entries(changed.resources.Workers).filter(
      ([id, { Type }]) => Type === 'AWS::StepFunctions::StateMachine' && /ModelChange/.test(id),
    );
    expect(JSON.stringify(machines)).toMatch(/ecs:runTask\.sync/);
  });

  it('trains on Fargate, or on the machines of the GPU lane', () => {
    stage.template.Workers.hasResourceProperties('AWS::ECS::TaskDefinition', { RequiresCompatibilities: ['FARGATE'] });
    expect(JSON.stringify(changed.resources.Workers)).not.toContain('"FARGATE"');
  });

  it('compares the bucket with the index once a day and after each deployment, and looks after tasks of jobs that have ended', () => {
    const workers = stage.template.Workers;
    workers.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 day)' });
    workers.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.cloudformation'],
        'detail-type': ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [{ prefix: { 'Fn::Join': ['', Match.arrayWith([':stack/chiasm-test-workers/'])] } }],
          'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'] },
        },
      },
      Targets: [Match.objectLike({ Input: '{"source":"chiasm.deployed"}' })],
    });
    workers.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.ecs'],
        'detail-type': ['ECS Task State Change'],
        detail: { lastStatus: ['STOPPED'], group: [Match.anyValue()], clusterArn: [Match.anyValue()] },
      },
    });
    workers.hasResourceProperties('AWS::Lambda::Function', {
      ImageConfig: { Command: ['caretaker.handler'] },
      Environment: {
        Variables: Match.objectLike({
          [ENVIRONMENT.reconcileAtMost]: '10000',
          [ENVIRONMENT.trainerTaskDefinition]: Match.anyValue(),
        }),
      },
    });
    workers.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 2 });
    expect(actionsOn(stage, 'Workers', /Caretaker/, 'Media')).toEqual(['s3:ListBucket']);
    expect(JSON.stringify(changed.resources.Workers)).not.toContain('rate(1 day)');
  });

  it('has no way out that is billed by the hour', () => {
    stage.template.Workers.resourceCountIs('AWS::EC2::NatGateway', 0);
    stage.template.Workers.hasResourceProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: true });
  });
});

describe('the alarms', () => {
  it('read as many metrics as the table of costs counts', () => {
    const alarms = [...Object.values(stage.resources.Workers), ...Object.values(stage.resources.Serving)].filter(
      ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
    );
    const metrics = alarms.map(
      ({ Properties }) => (Properties.Metrics ?? [Properties]).filter((one: any) => !one.Expression).length,
    );
    expect(metrics.reduce((sum, count) => sum + count, 0)).toBe(ALARM_METRICS);
  });
});

describe('the serving stack', () => {
  const methods = (of: Synthesised) =>
    Object.values(of.resources.Serving).filter(({ Type }) => Type === 'AWS::ApiGateway::Method');

  it('streams every answer from the live version of the function', () => {
    for (const { Properties } of methods(stage)) {
      expect(Properties.Integration).toMatchObject({ Type: 'AWS_PROXY', ResponseTransferMode: 'STREAM' });
      expect(JSON.stringify(Properties.Integration.Uri)).toMatch(
        /2021-11-15\/functions.*SearchLive.*response-streaming-invocations/,
      );
    }
    stage.template.Serving.hasResourceProperties('AWS::Lambda::Function', {
      ImageConfig: { Command: ['api.handler'] },
    });
  });

  it('wants a key for the API, and none for health, documentation and the page of the console', () => {
    const guarded = methods(stage).filter(({ Properties }) => Properties.ApiKeyRequired);
    expect(guarded.map(({ Properties }) => Properties.HttpMethod)).toEqual(['ANY']);
    expect(methods(stage)).toHaveLength(6);
    stage.template.Serving.hasResourceProperties('AWS::ApiGateway::UsagePlan', {
      Quota: { Limit: 100_000, Period: 'DAY' },
      Throttle: { RateLimit: 50, BurstLimit: 100 },
    });
  });

  it('wants signatures where keys are not wanted, and leaves the console out', () => {
    const authorization = methods(signed).map(
      ({ Properties }) => `${Properties.HttpMethod} ${Properties.AuthorizationType}`,
    );
    expect(authorization.sort()).toEqual(['ANY AWS_IAM', 'GET NONE', 'GET NONE', 'GET NONE']);
    expect(signed.outputs.Serving).not.toContain('Console');
    signed.template.Serving.resourceCountIs('Custom::MediaCors', 0);
  });

  it('logs who asked, without what was asked', () => {
    const [{ Properties }] = Object.values(stage.resources.Serving).filter(
      ({ Type }) => Type === 'AWS::ApiGateway::Stage',
    ) as [any];
    expect(Properties.AccessLogSetting.Format).toContain('requestId');
    expect(Properties.AccessLogSetting.Format).not.toMatch(/querystring|\$context\.path|requestOverride|apiKey"/);
    expect(Properties.MethodSettings[0]).toMatchObject({ DataTraceEnabled: false, LoggingLevel: 'ERROR' });
  });

  it('slows down what answers without a key, and keeps the log of API Gateway itself for a limited time too', () => {
    const settings = Object.values(stage.resources.Serving).find(({ Type }) => Type === 'AWS::ApiGateway::Stage')!
      .Properties.MethodSettings;
    const paths = settings.slice(1).map(({ ResourcePath }: any) => ResourcePath);
    expect(paths).toEqual(['/~1v1~1health', '/~1docs', '/~1openapi.json', '/', '/~1console~1{proxy+}']);
    for (const own of settings.slice(1)) {
      expect(own).toMatchObject({ HttpMethod: 'GET', ThrottlingRateLimit: 2, DataTraceEnabled: false });
    }
    stage.template.Serving.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: { 'Fn::Join': ['', ['API-Gateway-Execution-Logs_', Match.anyValue(), '/test']] },
      RetentionInDays: 30,
    });
  });

  it('answers its own refusals by problem documents', () => {
    const responses = Object.values(stage.resources.Serving).filter(
      ({ Type }) => Type === 'AWS::ApiGateway::GatewayResponse',
    );
    const types = responses.map(({ Properties }) => Properties.ResponseType);
    expect(types).toEqual(
      expect.arrayContaining(['INVALID_API_KEY', 'THROTTLED', 'QUOTA_EXCEEDED', 'REQUEST_TOO_LARGE', 'DEFAULT_5XX']),
    );
    for (const { Properties } of responses) {
      const document = JSON.parse(Properties.ResponseTemplates['application/json']);
      expect(document).toMatchObject({ type: 'about:blank', code: expect.any(String), detail: expect.any(String) });
      expect(document.status).toBe(Properties.StatusCode && Number(Properties.StatusCode));
    }
  });

  it('lets the page of the console, and no other, use presigned addresses of the media bucket', () => {
    const cors = (of: Synthesised) =>
      JSON.stringify(
        Object.values(of.resources.Serving).find(({ Type }) => Type === 'Custom::MediaCors')?.Properties.Create,
      );
    expect(cors(stage)).toContain('.execute-api.');
    expect(cors(stage)).not.toContain('AllowedOrigins\\":[\\"*');
    expect(cors(changed)).toContain('AllowedOrigins\\":[\\"https://console.example.org\\"]');
  });

  it('answers preflights for another origin only if that origin is set', () => {
    const preflights = (of: Synthesised) => methods(of).filter(({ Properties }) => Properties.HttpMethod === 'OPTIONS');
    expect(preflights(stage)).toHaveLength(0);
    expect(JSON.stringify(preflights(changed))).toContain("'https://console.example.org'");
  });

  it('starts and stops training in its own cluster only', () => {
    const statements = Object.values(stage.resources.Serving)
      .filter(({ Type }) => Type === 'AWS::IAM::Policy')
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
    const run = statements.filter(({ Action }: any) => /ecs:/.test(JSON.stringify(Action)));
    expect(run).toHaveLength(2);
    for (const { Condition } of run) expect(Condition.ArnEquals['ecs:cluster']).toBeDefined();
    const [pass] = statements.filter(({ Action }: any) => Action === 'iam:PassRole');
    expect(pass.Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });
  });

  it('asks no model on Bedrock but the one that is set', () => {
    const asking = (of: Synthesised) =>
      Object.values(of.resources.Serving)
        .filter(({ Type }) => Type === 'AWS::IAM::Policy')
        .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
        .filter(({ Action }: any) => JSON.stringify(Action).includes('bedrock:'));
    expect(asking(stage)).toEqual([]);
    const [statement, ...others] = asking(changed);
    expect(others).toEqual([]);
    expect(statement.Action).toEqual(['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream']);
    expect(JSON.stringify(statement.Resource)).toMatch(/::foundation-model\/amazon\.nova-lite-v1:0"/);
    changed.template.Serving.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ [ENVIRONMENT.reader]: 'bedrock:amazon.nova-lite-v1:0' }) },
    });
  });

  it('says where the API and the console are', () => {
    expect(stage.outputs.Serving).toEqual(expect.arrayContaining(['ApiUrl', 'Console', 'ServingLogs']));
  });
});

/** Actions that the roles of a program may do on a bucket. */
function actionsOn(of: Synthesised, stack: 'Workers' | 'Serving', program: RegExp, bucket: string): string[] {
  const actions = Object.entries(of.resources[stack])
    .filter(([id, { Type }]) => Type === 'AWS::IAM::Policy' && program.test(id))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
    .filter(({ Resource: on }: any) => JSON.stringify(on).includes(`Storage${bucket}`))
    .flatMap(({ Action }: any) => [Action].flat());
  return [...new Set<string>(actions)].sort();
}
