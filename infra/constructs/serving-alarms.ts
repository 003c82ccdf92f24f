/** What a person must know of the API. */

import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { ownMetric } from '../own-metric.ts';
import { FIVE_MINUTES, RunbookAlarm } from './runbook-alarm.ts';

export interface ServingAlarmsProps {
  readonly topic: ITopic;
  readonly stage: string;
  /** How often the compactor runs by itself. */
  readonly compaction: Duration;
  readonly api: RestApi;
}

/** Of the requests, twice in a row. */
const FAILED_SHARE = 0.05;
/** Half of the requests slower than this for a quarter of an hour is not a cold start any more. */
const SLOW_MS = 3_000;
/** Of the requests; a fault of the network that passes is less. */
const DEGRADED_SHARE = 0.1;
/** Schedules of the compactor that must have passed in vain. */
const LATE_COMPACTIONS = 3;

export class ServingAlarms extends Construct {
  constructor(scope: Construct, id: string, { topic, stage, compaction, api }: ServingAlarmsProps) {
    super(scope, id);
    const period = FIVE_MINUTES;
    new RunbookAlarm(this, 'ApiFails', {
      topic,
      says: `More than ${100 * FAILED_SHARE} % of the requests fail.`,
      section: 'api-fails',
      metric: api.metricServerError({ period, statistic: Stats.AVERAGE }), // API Gateway: the share of the requests
      above: FAILED_SHARE,
      periods: 2,
    });
    new RunbookAlarm(this, 'ApiIsSlow', {
      topic,
      says: `Half of the requests take longer than ${SLOW_MS / 1_000} seconds.`,
      section: 'api-is-slow',
      metric: api.metricLatency({ period, statistic: Stats.p(50) }),
      above: SLOW_MS,
      periods: 3,
    });
    new RunbookAlarm(this, 'IndexIsDegraded', {
      topic,
      says: 'The API answers more than one request in ten from an older index, because it cannot read the newest.',
      section: 'index-is-degraded',
      metric: ownMetric(stage, 'indexDegraded', { period, statistic: Stats.AVERAGE }),
      above: DEGRADED_SHARE,
      periods: 3,
    });
    const late = Duration.minutes(compaction.toMinutes() * LATE_COMPACTIONS);
    new RunbookAlarm(this, 'IndexFallsBehind', {
      topic,
      says: `Changes have waited for more than ${late.toMinutes()} minutes to be folded into the index.`,
      section: 'index-falls-behind',
      metric: ownMetric(stage, 'foldingDelay', { period, statistic: Stats.MINIMUM }),
      above: late.toSeconds(),
      periods: 3,
    });
  }
}
