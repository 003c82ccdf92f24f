/** What answers: the door of the API, who may come in, and the alarms of all that runs. */

import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { ALARM_METRICS } from '../../infra/costs/workloads.ts';
import { ofType, SYNTHESIS_MS, type Synthesised, statementsOf, synthesise } from './synthesise.ts';

let stage: Synthesised;
let changed: Synthesised;
let signed: Synthesised;

beforeAll(() => {
  stage = synthesise();
  changed = synthesise({
    api: { consoleOrigin: 'https://console.example.org', concurrency: 20 },
    reader: 'bedrock:amazon.nova-lite-v1:0',
  });
  signed = synthesise({ api: { authorization: 'iam' } });
}, SYNTHESIS_MS);

describe('the alarms', () => {
  it('read as many metrics as the table of costs counts', () => {
    const alarms = (['Workers', 'Serving'] as const).flatMap((stack) => ofType(stage, stack, 'AWS::CloudWatch::Alarm'));
    const metrics = alarms.map(
      ({ Properties }) => (Properties.Metrics ?? [Properties]).filter((one: any) => !one.Expression).length,
    );
    expect(metrics.reduce((sum, count) => sum + count, 0)).toBe(ALARM_METRICS);
  });
});

describe('the serving stack', () => {
  const methods = (of: Synthesised) => ofType(of, 'Serving', 'AWS::ApiGateway::Method');

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

  it('takes only as many functions of the account as the setting says', () => {
    const reserved = (of: Synthesised) =>
      ofType(of, 'Serving', 'AWS::Lambda::Function', /^Search/)[0]!.Properties.ReservedConcurrentExecutions;
    expect([reserved(stage), reserved(changed)]).toEqual([undefined, 20]);
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
    const [{ Properties }] = ofType(stage, 'Serving', 'AWS::ApiGateway::Stage') as [any];
    expect(Properties.AccessLogSetting.Format).toContain('requestId');
    expect(Properties.AccessLogSetting.Format).not.toMatch(/querystring|\$context\.path|requestOverride|apiKey"/);
    expect(Properties.MethodSettings[0]).toMatchObject({ DataTraceEnabled: false, LoggingLevel: 'ERROR' });
  });

  it('slows down what answers without a key, and keeps the log of API Gateway itself for a limited time too', () => {
    const settings = ofType(stage, 'Serving', 'AWS::ApiGateway::Stage')[0]!.Properties.MethodSettings;
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
    const responses = ofType(stage, 'Serving', 'AWS::ApiGateway::GatewayResponse');
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
    const cors = (of: Synthesised) => JSON.stringify(ofType(of, 'Serving', 'Custom::MediaCors')[0]?.Properties.Create);
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
    const statements = statementsOf(stage, 'Serving');
    const run = statements.filter(({ Action }: any) => /ecs:/.test(JSON.stringify(Action)));
    expect(run).toHaveLength(2);
    for (const { Condition } of run) expect(Condition.ArnEquals['ecs:cluster']).toBeDefined();
    const [pass] = statements.filter(({ Action }: any) => Action === 'iam:PassRole');
    expect(pass.Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });
  });

  it('asks no model on Bedrock but the one that is set', () => {
    const asking = (of: Synthesised) =>
      statementsOf(of, 'Serving').filter(({ Action }: any) => JSON.stringify(Action).includes('bedrock:'));
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
