/** What answers: the API's function, the gateway before it, and the dashboard. */

import { CfnOutput, Duration, Fn, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { ApiGateway } from '../constructs/api-gateway.ts';
import { MediaCors } from '../constructs/media-cors.ts';
import { Overview } from '../constructs/overview.ts';
import { API_TIMEOUT, SearchFunction } from '../constructs/search-function.ts';
import { ServingAlarms } from '../constructs/serving-alarms.ts';
import { programEnvironment } from '../program-environment.ts';
import { lambdaImage } from '../program-image.ts';
import type { StageSettings } from '../stage-settings.ts';
import type { WorkersStack } from './workers-stack.ts';

export interface ServingStackProps extends StackProps {
  readonly settings: StageSettings;
  readonly data: ChiasmData;
  readonly workers: WorkersStack;
}

export class ServingStack extends Stack {
  constructor(scope: Construct, id: string, { settings, data, workers, ...props }: ServingStackProps) {
    super(scope, id, { description: 'Chiasm: the API and its console', ...props });
    const { api: apiSettings, operations, stage } = settings;
    const { consoleOrigin } = apiSettings;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: operations.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const search = new SearchFunction(this, 'Search', {
      ...apiSettings,
      data,
      trainer: workers.trainer,
      bedrockModel: /^bedrock:(.+)$/.exec(settings.reader)?.[1],
      code: lambdaImage(settings, 'api'),
      environment: {
        ...programEnvironment(settings, data),
        ...(consoleOrigin && { [ENVIRONMENT.consoleOrigin]: consoleOrigin }),
      },
      logGroup,
      tracing: operations.tracing,
    });
    const { api, keyId } = new ApiGateway(this, 'Gateway', {
      ...apiSettings,
      stage,
      handler: search.alias,
      timeout: API_TIMEOUT,
      accessLog: logGroup,
      logDays: operations.logDays,
      tracing: operations.tracing,
    });
    const ownOrigin = `https://${Fn.select(2, Fn.split('/', api.url))}`;
    const hasConsole = consoleOrigin !== undefined || apiSettings.authorization === 'api-key';
    if (hasConsole && settings.media.existingBucket === undefined) {
      new MediaCors(this, 'MediaCors', { bucket: data.storage.media, origin: consoleOrigin ?? ownOrigin, logGroup });
    }
    new ServingAlarms(this, 'Alarms', {
      topic: data.alarmTopic,
      stage,
      compaction: Duration.minutes(settings.compaction.everyMinutes),
      api,
    });
    new Overview(this, 'Overview', { stage, data, api, search: search.function, workers });
    new CfnOutput(this, 'ApiUrl', { value: api.url });
    if (keyId !== undefined) {
      new CfnOutput(this, 'ApiKeyId', { value: keyId, description: 'aws apigateway get-api-key shows the key itself' });
      new CfnOutput(this, 'Console', { value: consoleOrigin ?? api.url, description: 'Open it and paste an API key' });
    }
    new CfnOutput(this, 'ServingLogs', { value: logGroup.logGroupName });
  }
}
