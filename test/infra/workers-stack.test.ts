/** What works: both lanes, scaling from zero and back, and what looks after them. */

import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { actionsOn, ofType, SYNTHESIS_MS, type Synthesised, synthesise } from './synthesise.ts';

let stage: Synthesised;
let changed: Synthesised;
let listening: Synthesised;

beforeAll(() => {
  stage = synthesise();
  changed = synthesise({
    smallLane: { concurrency: 0 },
    gpu: { maxTasks: 3, backlogPerTask: 1_000 },
    trainer: { hardware: 'gpu' },
    nextModel: 'siglip2-base',
    reconcile: { everyHours: 0 },
  });
  listening = synthesise({ speech: 'whisper-base' });
}, SYNTHESIS_MS);

describe('the workers stack', () => {
  const policyOf = (of: Synthesised, id: RegExp) =>
    ofType(of, 'Workers', 'AWS::ApplicationAutoScaling::ScalingPolicy', id)[0]!.Properties
      .StepScalingPolicyConfiguration;
  const alarmOf = (of: Synthesised, id: RegExp) => ofType(of, 'Workers', 'AWS::CloudWatch::Alarm', id)[0]!.Properties;

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
    const hearing = (of: Synthesised) =>
      [...Object.values(of.resources.Workers), ...Object.values(of.resources.Serving)]
        .filter((resource) => JSON.stringify(resource.Properties).includes(ENVIRONMENT.speech))
        .map(({ Type }) => Type);
    expect(hearing(stage)).toEqual([]);
    expect(new Set(hearing(listening))).toEqual(new Set(['AWS::Lambda::Function', 'AWS::ECS::TaskDefinition']));
    stage.template.Workers.hasResourceProperties('AWS::Lambda::EventSourceMapping', { BatchSize: 10 });
    listening.template.Workers.hasResourceProperties('AWS::Lambda::EventSourceMapping', { BatchSize: 3 });
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
    const [machine] = ofType(stage, 'Workers', 'AWS::StepFunctions::StateMachine');
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
      ofType(changed, 'Workers', 'AWS::ECS::TaskDefinition').find(
        ({ Properties }) => Properties.ContainerDefinitions[0].Name === name,
      )!.Properties;
    const [builder, trainer] = [ofTask('builder'), ofTask('trainer')];
    expect(builder).toMatchObject({ Cpu: trainer.Cpu, Memory: trainer.Memory, NetworkMode: 'host' });
    expect(builder.ContainerDefinitions[0]).toMatchObject({ Command: ['builder.mjs'] });
    expect(builder.ContainerDefinitions[0].Image).not.toEqual(trainer.ContainerDefinitions[0].Image);
    const prices = builder.ContainerDefinitions[0].Environment.find(
      ({ Name }: any) => Name === ENVIRONMENT.buildPrices,
    );
    expect(JSON.parse(prices.Value).instanceHour).toBeGreaterThan(0.5);
    const machines = ofType(changed, 'Workers', 'AWS::StepFunctions::StateMachine', /ModelChange/);
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
