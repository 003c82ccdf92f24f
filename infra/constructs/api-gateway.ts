/**
 * The door to the API: a regional REST API, the only kind of API Gateway that has usage plans and streams responses. It
 * checks keys (or signatures), counts, slows down and logs; everything else is the program's. Its own refusals are problem
 * documents like the program's.
 */

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  ApiKeySourceType,
  AuthorizationType,
  type CorsOptions,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  type MethodDeploymentOptions,
  MethodLoggingLevel,
  type MethodOptions,
  Period,
  ResponseTransferMode,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { type ILogGroup, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

export interface ApiGatewayProps {
  readonly stage: string;
  readonly handler: Alias;
  readonly authorization: 'api-key' | 'iam';
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly requestsPerDay: number;
  readonly accessLog: ILogGroup;
  /** For which API Gateway keeps the log of its own errors. */
  readonly logDays: RetentionDays;
  readonly timeout: Duration;
  /** Set the account's role by which API Gateway writes logs. */
  readonly logRole: boolean;
  /** Another origin whose pages may call the API. @default none */
  readonly consoleOrigin?: string | undefined;
  readonly tracing: boolean;
}

/** What answers without a key, and shows no data. */
const OPEN = ['/v1/health', '/docs', '/openapi.json'];
const CONSOLE = ['/', '/console/{proxy+}'];
/** Each of them, so that nobody without a key can run up a bill. */
const OPEN_REQUESTS_PER_SECOND = 2;
const OPEN_BURST = 20;

const HEADERS = ['content-type', 'x-api-key', 'authorization', 'x-request-id', 'x-chiasm-attributes', 'range'];

export class ApiGateway extends Construct {
  readonly api: RestApi;
  /** Of the first API key; absent where requests are signed. */
  readonly keyId: string | undefined;

  constructor(scope: Construct, id: string, props: ApiGatewayProps) {
    super(scope, id);
    const { handler, consoleOrigin, stage } = props;
    const withKeys = props.authorization === 'api-key';
    const openPaths = [...OPEN, ...(withKeys ? CONSOLE : [])];
    const logged = { loggingLevel: MethodLoggingLevel.ERROR, dataTraceEnabled: false }; // data would be users' queries
    const slow: MethodDeploymentOptions = {
      ...logged,
      throttlingRateLimit: OPEN_REQUESTS_PER_SECOND,
      throttlingBurstLimit: OPEN_BURST,
    };
    this.api = new RestApi(this, 'Api', {
      restApiName: `chiasm-${stage}`,
      description: 'Chiasm: multimodal search and question answering',
      endpointTypes: [EndpointType.REGIONAL],
      apiKeySourceType: ApiKeySourceType.HEADER,
      binaryMediaTypes: ['*/*'], // bodies reach the program as the bytes that were sent
      cloudWatchRole: props.logRole,
      ...(props.logRole && { cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN }), // other APIs of the account may use it
      deployOptions: {
        stageName: stage,
        throttlingRateLimit: props.requestsPerSecond,
        throttlingBurstLimit: props.burst,
        ...logged,
        methodOptions: Object.fromEntries(openPaths.map((path) => [`${path}/GET`, slow])),
        tracingEnabled: props.tracing,
        accessLogDestination: new LogGroupLogDestination(props.accessLog),
        accessLogFormat: AccessLogFormat.custom(ACCESS_LOG),
      },
      defaultIntegration: new LambdaIntegration(handler, {
        responseTransferMode: ResponseTransferMode.STREAM,
        timeout: props.timeout,
        scopePermissionToMethod: false,
      }),
      ...(consoleOrigin && { defaultCorsPreflightOptions: corsOf(consoleOrigin) }),
    });
    const guarded: MethodOptions = withKeys
      ? { apiKeyRequired: true, authorizationType: AuthorizationType.NONE }
      : { authorizationType: AuthorizationType.IAM };
    const open: MethodOptions = { authorizationType: AuthorizationType.NONE };
    this.api.root.addResource('v1').addResource('{proxy+}').addMethod('ANY', undefined, guarded);
    for (const path of openPaths) this.api.root.resourceForPath(path).addMethod('GET', undefined, open);
    if (withKeys) this.keyId = this.#addKey(props);
    // API Gateway would make it by itself, and keep it for ever
    const errors = new LogGroup(this, 'Errors', {
      logGroupName: `API-Gateway-Execution-Logs_${this.api.restApiId}/${stage}`,
      retention: props.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.api.deploymentStage.node.addDependency(errors);
    this.#answerInProblems(withKeys, consoleOrigin);
    acknowledge(this, EXCEPTIONS);
  }

  #addKey({ stage, requestsPerSecond, burst, requestsPerDay }: ApiGatewayProps): string {
    const plan = this.api.addUsagePlan('UsagePlan', {
      name: `chiasm-${stage}`,
      throttle: { rateLimit: requestsPerSecond, burstLimit: burst },
      quota: { limit: requestsPerDay, period: Period.DAY },
      apiStages: [{ stage: this.api.deploymentStage }],
    });
    const description = `Chiasm ${stage}: the first key; add one for each client`;
    const key = this.api.addApiKey('Key', { description });
    plan.addApiKey(key);
    return key.keyId;
  }

  /** RFC 9457 for what API Gateway refuses by itself. */
  #answerInProblems(withKeys: boolean, consoleOrigin: string | undefined): void {
    for (const [id, type, code, detail, status] of refusals(withKeys)) {
      this.api.addGatewayResponse(id, {
        type,
        ...(status !== undefined && { statusCode: String(status) }),
        responseHeaders: {
          'content-type': "'application/problem+json'",
          'cache-control': "'no-store'",
          ...(consoleOrigin && { 'access-control-allow-origin': `'${consoleOrigin}'` }),
        },
        templates: { 'application/json': problem(code, detail, status) },
      });
    }
  }
}

/** id, what API Gateway calls it, our code, detail, and the status where it is not to be API Gateway's own */
type Refusal = readonly [id: string, type: ResponseType, code: string, detail: string, status?: number];

const refusals = (withKeys: boolean): readonly Refusal[] => [
  ['NoKey', ResponseType.INVALID_API_KEY, 'unauthorized', 'expected the header x-api-key with a key of this API', 401],
  withKeys
    ? ['NoSuchPath', ResponseType.MISSING_AUTHENTICATION_TOKEN, 'not_found', 'this API has no such path', 404]
    : [
        'NotSigned',
        ResponseType.MISSING_AUTHENTICATION_TOKEN,
        'unauthorized',
        'expected a request signed with AWS credentials',
        403,
      ],
  [
    'TooLarge',
    ResponseType.REQUEST_TOO_LARGE,
    'too_large',
    'a request may have 10 MB: upload larger objects by POST /v1/uploads',
    413,
  ],
  ['TooFast', ResponseType.THROTTLED, 'rate_limited', 'too many requests a second: try again in a moment', 429],
  ['TooMany', ResponseType.QUOTA_EXCEEDED, 'rate_limited', 'the requests of this key for today are used up', 429],
  ['TimedOut', ResponseType.INTEGRATION_TIMEOUT, 'timeout', 'the answer took too long', 504],
  ['Refused', ResponseType.DEFAULT_4XX, 'invalid_request', 'the request was refused before it reached the program'],
  ['Failed', ResponseType.DEFAULT_5XX, 'internal', 'the request failed before it reached the program: try again'],
];

function problem(code: string, detail: string, status?: number): string {
  const title = code.replaceAll('_', ' ');
  return JSON.stringify({ type: 'about:blank', title, status, detail, code, requestId: '$context.requestId' });
}

/** No queries, no bodies, no keys: who (by key id), what, how long, how much. */
const ACCESS_LOG = JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  method: '$context.httpMethod',
  path: '$context.resourcePath',
  status: '$context.status',
  latencyMs: '$context.responseLatency',
  bytes: '$context.responseLength',
  apiKeyId: '$context.identity.apiKeyId',
  caller: '$context.identity.caller',
  address: '$context.identity.sourceIp',
  error: '$context.error.responseType',
});

function corsOf(consoleOrigin: string): CorsOptions {
  return {
    allowOrigins: [consoleOrigin],
    allowHeaders: HEADERS,
    allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
    maxAge: Duration.hours(1),
  };
}

const EXCEPTIONS: Readonly<Record<string, string>> = {
  'AwsSolutions-APIG2': 'the program validates every request by its schemas and answers with what was expected',
  'AwsSolutions-APIG3': 'a web application firewall is billed by the hour; keys, throttling and quotas stand in front',
  'AwsSolutions-APIG4':
    'methods under /v1 want an API key or, by setting, AWS signatures; open are the health check, the documentation and the page of the console, which holds no data',
  'AwsSolutions-COG4': 'clients are programs with API keys or AWS credentials, not people with passwords',
  'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
    'the policy that API Gateway prescribes for the role that writes its logs',
};
