/** Rules that every template keeps, whatever the settings: security, what is billed while idle, and CloudFormation's own schemas. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { METRIC } from '#functions/metric-names.ts';
import { createSchemaCheck } from './resource-schemas.ts';
import { checkSecurity, type Resource, STACKS, SYNTHESIS_MS, type Synthesised, synthesise } from './synthesise.ts';

/** Everything that settings can turn on or to its other side, in as few stages as hold it. */
const VARIANTS = {
  'as it comes': {},
  'with everything': {
    encryption: 'customer',
    media: { keepReplacedDays: 30, intelligentTieringAfterDays: 60 },
    api: { consoleOrigin: 'https://console.example.org', coldStart: 'snapstart', diskMb: 512 },
    smallLane: { concurrency: 0 },
    gpu: { maxTasks: 4, spot: true },
    trainer: { hardware: 'gpu' },
    nextModel: 'siglip2-base',
    speech: 'whisper-base',
    reader: 'bedrock:eu.amazon.nova-lite-v1:0',
    vectors: { index: 's3-vectors' },
    operations: { alarmEmail: 'alarms@example.org', monthlyBudgetUsd: 50 },
  },
  'with as little as possible': {
    protect: false,
    media: { existingBucket: 'holiday-pictures' },
    api: { authorization: 'iam', logRole: false, coldStart: 'provisioned' },
    gpu: { maxTasks: 0 },
    nextModel: 'siglip2-base',
    reconcile: { everyHours: 0 },
    compaction: { reserved: false },
    operations: { tracing: false },
  },
} as const;

const ROOT = join(import.meta.dirname, '../..');
const checkSchema = createSchemaCheck();

it('every metric has a program that puts it', () => {
  const sources = globSync('functions/*/*.ts', { cwd: ROOT })
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');
  for (const name of Object.keys(METRIC)) expect(sources, name).toContain(`[METRIC.${name}]: [`);
});

describe.each(Object.entries(VARIANTS))('a stage %s', (variant, settings) => {
  let stage: Synthesised;
  let all: [string, Resource][];

  beforeAll(() => {
    stage = synthesise(settings);
    all = STACKS.flatMap((name) =>
      Object.entries(stage.resources[name]).map(([id, resource]): [string, Resource] => [`${name}.${id}`, resource]),
    );
  }, SYNTHESIS_MS);
  const of = (...types: string[]) => all.filter(([, { Type }]) => types.includes(Type));

  it('has only properties that CloudFormation knows, all that it requires, of the types that it wants', () => {
    expect(all.flatMap(([id, resource]) => checkSchema(id, resource))).toEqual([]);
    expect(all.length).toBeGreaterThan(50);
  });

  it('names no action of IAM by a wildcard, and no resource `*` but for actions that have none', () => {
    const wildcards = policyStatements(all).flatMap(([id, { Effect, Action, Resource: on }]) => {
      if (Effect !== 'Allow') return [];
      const actions = [Action].flat() as string[];
      const wide = actions.filter((action) => action.includes('*')).map((action) => `${id}: ${action}`);
      const anywhere = [on].flat().includes('*') ? actions.filter((action) => !HAS_NO_RESOURCE.test(action)) : [];
      return [...wide, ...anywhere.map((action) => `${id}: ${action} on *`)];
    });
    expect(wildcards).toEqual([]);
  });

  it('lets no program change roles, keys or policies', () => {
    const powers = policyStatements(all)
      .flatMap(([id, { Effect, Action }]) =>
        Effect === 'Allow' ? [Action].flat().map((action) => `${id}: ${action}`) : [],
      )
      .filter((line) =>
        /: (iam:(?!PassRole)|kms:(Put|Create|Schedule)|s3:Put(BucketPolicy|BucketAcl)|sts:)/.test(line),
      );
    expect(powers).toEqual([]);
  });

  it('accepts nothing that is not sent over TLS', () => {
    for (const [policy, target] of [
      ['AWS::S3::BucketPolicy', 'AWS::S3::Bucket'],
      ['AWS::SQS::QueuePolicy', 'AWS::SQS::Queue'],
    ] as const) {
      const denying = of(policy).filter(([, { Properties }]) =>
        Properties.PolicyDocument.Statement.some(
          (statement: any) =>
            statement.Effect === 'Deny' && statement.Condition?.Bool?.['aws:SecureTransport'] === 'false',
        ),
      );
      expect(denying).toHaveLength(of(target).length);
    }
  });

  it('encrypts what it keeps, and opens no bucket to the public', () => {
    for (const [, { Properties }] of of('AWS::S3::Bucket')) {
      expect(Properties.BucketEncryption).toBeDefined();
      expect(Object.values(Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    }
    for (const [, { Properties }] of of('AWS::SQS::Queue')) {
      expect(Properties.SqsManagedSseEnabled === true || Properties.KmsMasterKeyId !== undefined).toBe(true);
    }
  });

  it('lets nothing in from the network', () => {
    expect(of('AWS::EC2::SecurityGroupIngress')).toEqual([]);
    for (const [, { Properties }] of of('AWS::EC2::SecurityGroup')) {
      expect(Properties.SecurityGroupIngress).toBeUndefined();
      expect(Properties.SecurityGroupEgress).toMatchObject([{ FromPort: 443, ToPort: 443, IpProtocol: 'tcp' }]);
    }
  });

  it('has no secrets in what programs are told', () => {
    const told = [
      ...of('AWS::Lambda::Function').map(([, { Properties }]) => Object.keys(Properties.Environment?.Variables ?? {})),
      ...of('AWS::ECS::TaskDefinition').map(([, { Properties }]) =>
        Properties.ContainerDefinitions[0].Environment.map(({ Name }: { Name: string }) => Name),
      ),
    ].flat();
    expect(told.filter((name) => /SECRET|PASSWORD|TOKEN|CREDENTIAL|API_KEY/.test(name))).toEqual([]);
  });

  it('has nothing that is billed by the hour while nothing happens, unless a setting asks for it', () => {
    expect(all.filter(([, { Type }]) => !isFreeWhileIdle(Type)).map(([, { Type }]) => Type)).toEqual([]);
    for (const [, { Properties }] of of('AWS::ECS::Service')) expect(Properties.DesiredCount).toBe(0);
    for (const [, { Properties }] of of('AWS::ApplicationAutoScaling::ScalableTarget'))
      expect(Properties.MinCapacity).toBe(0);
    for (const [, { Properties }] of of('AWS::EC2::VPCEndpoint')) expect(Properties.VpcEndpointType).toBe('Gateway');
    for (const [, { Properties }] of of('AWS::ECS::Cluster')) {
      expect(Properties.ClusterSettings).toEqual([{ Name: 'containerInsights', Value: 'disabled' }]);
    }
    for (const [, { Properties }] of of('AWS::ApiGateway::Stage'))
      expect(Properties.CacheClusterEnabled ?? false).toBe(false);
    const billed =
      of('AWS::KMS::Key').length +
      of('AWS::Lambda::Alias').filter(([, { Properties }]) => Properties.ProvisionedConcurrencyConfig).length;
    const asked = variant === 'as it comes' ? 0 : 1; // the key of one variant, the warm function of the other
    expect(billed).toBe(asked);
  });

  it('keeps logs for a limited time', () => {
    expect(of('AWS::Logs::LogGroup').filter(([, { Properties }]) => !(Properties.RetentionInDays > 0))).toEqual([]);
  });

  it('tells somebody by every alarm, and says where it is written what to do; nothing else is written there', () => {
    const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
    const sections = [...runbook.matchAll(/^## (.+)$/gm)].map((match) => match[1]!.toLowerCase().replaceAll(' ', '-'));
    const alarms = of('AWS::CloudWatch::Alarm').filter(
      ([, { Properties }]) => !Properties.AlarmDescription.startsWith('Scaling:'),
    );
    for (const [, { Properties }] of alarms) expect(Properties.AlarmActions).toHaveLength(1);
    const named = alarms.map(
      ([, { Properties }]) => /docs\/runbook\.md#([a-z0-9-]+)$/.exec(Properties.AlarmDescription)?.[1],
    );
    expect(sections).toEqual(expect.arrayContaining(named));
    if (variant === 'as it comes') expect(named.toSorted()).toEqual(sections.toSorted());
  });

  it('watches and shows every metric that the programs put, and no other', () => {
    const text = JSON.stringify(of('AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard'));
    const own = [...text.matchAll(/"Chiasm\\*",\\*"(\w+)\\*"|"MetricName":"(\w+)","Namespace":"Chiasm"/g)];
    const named = new Set(own.map(([, shown, watched]) => shown ?? watched));
    expect([...named].sort()).toEqual(Object.values(METRIC).sort());
  });

  it('carries the tags by which costs are told apart', () => {
    const untagged = of('AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::ECS::Service').filter(
      ([, { Properties }]) => !JSON.stringify(Properties.Tags ?? []).includes('"Key":"stage","Value":"test"'),
    );
    expect(untagged.map(([id]) => id)).toEqual([]);
  });
});

describe('the checks themselves', () => {
  it(
    'find a bucket without logs or TLS',
    () => {
      const open = () => checkSecurity((app) => void new Bucket(new Stack(app, 'Open'), 'Bucket'));
      expect(open).toThrow(/AwsSolutions-S1'[\s\S]*AwsSolutions-S10'/);
    },
    SYNTHESIS_MS,
  );

  it('find a property that CloudFormation does not know, one that is missing, and one of the wrong type', () => {
    const properties = {
      DataType: 'float32',
      Distance: 'cosine',
      DistanceMetric: 'manhattan',
      VectorBucketName: 'vectors',
    };
    expect(checkSchema('Index', { Type: 'AWS::S3Vectors::Index', Properties: properties })).toEqual([
      'Index: Dimension is missing',
      'Index: there is no Distance',
      'Index.DistanceMetric: expected cosine or euclidean, got "manhattan"',
    ]);
    expect(checkSchema('No', { Type: 'AWS::No::Such', Properties: {} })).toEqual([
      'No: CloudFormation has no AWS::No::Such',
    ]);
  });
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: unknown;
}

/** Of the roles of programs; what AWS itself manages is named in the exceptions. */
function policyStatements(all: readonly [string, Resource][]): [string, Statement][] {
  return all.flatMap(([id, { Type, Properties }]): [string, Statement][] => {
    const documents: { Statement: Statement[] }[] =
      Type === 'AWS::IAM::Policy'
        ? [Properties.PolicyDocument]
        : Type === 'AWS::IAM::Role'
          ? (Properties.Policies ?? []).map(({ PolicyDocument }: any) => PolicyDocument)
          : [];
    return documents.flatMap(({ Statement }) => Statement.map((statement): [string, Statement] => [id, statement]));
  });
}

/** Actions that the service authorisation reference lists without a resource type, or that create what they act on. */
const HAS_NO_RESOURCE =
  /^(xray:Put(TraceSegments|TelemetryRecords)|xray:GetSampling(Rules|Targets)|ecr:GetAuthorizationToken|ecs:(DiscoverPollEndpoint|RegisterContainerInstance|Poll|StartTelemetrySession|PutSystemLogEvents)|logs:(\w*LogDelivery|ListLogDeliveries|\w*ResourcePolic(y|ies)|DescribeLogGroups|CreateLog(Group|Stream)|PutLogEvents|DescribeLogStreams)|ec2:Describe\w+|ecr:(BatchCheckLayerAvailability|GetDownloadUrlForLayer|BatchGetImage))$/;

/** Types of resources that cost nothing, or only for what is used. Whoever adds one that is not here must look up its price. */
const FREE_WHILE_IDLE = [
  'ApiGateway',
  'ApplicationAutoScaling',
  'Budgets',
  'Events',
  'IAM',
  'Lambda',
  'Logs',
  'S3',
  'S3Vectors',
  'SNS',
  'SQS',
  'Scheduler',
  'StepFunctions',
].map((service) => `AWS::${service}::`);
const FREE_TYPES = [
  ...[
    'VPC',
    'Subnet',
    'RouteTable',
    'SubnetRouteTableAssociation',
    'Route',
    'InternetGateway',
    'VPCGatewayAttachment',
    'VPCEndpoint',
    'SecurityGroup',
    'FlowLog',
  ].map((name) => `AWS::EC2::${name}`),
  ...['Cluster', 'CapacityProvider', 'ClusterCapacityProviderAssociations', 'Service', 'TaskDefinition'].map(
    (name) => `AWS::ECS::${name}`,
  ),
  'AWS::CloudWatch::Alarm', // by the month; ten are free: counted in the table of costs
  'AWS::CloudWatch::Dashboard', // by the month; three are free
  'AWS::KMS::Key', // only by setting
  'Custom::MediaCors',
];
const isFreeWhileIdle = (type: string) =>
  FREE_TYPES.includes(type) || FREE_WHILE_IDLE.some((prefix) => type.startsWith(prefix));
