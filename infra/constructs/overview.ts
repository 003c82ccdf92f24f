/** The dashboard: what comes in, what waits, who works, how the API answers, what the programs themselves report. */

import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Dashboard, GraphWidget, type IMetric, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { ChiasmData } from '../chiasm-data.ts';
import { ownMetric } from '../own-metric.ts';
import type { WorkersStack } from '../stacks/workers-stack.ts';
import { FIVE_MINUTES } from './runbook-alarm.ts';

export interface OverviewProps {
  readonly stage: string;
  readonly data: ChiasmData;
  readonly api: RestApi;
  readonly search: IFunction;
  readonly workers: Pick<WorkersStack, 'smallLane' | 'gpuIndexer' | 'compactor'>;
}

export class Overview extends Construct {
  constructor(scope: Construct, id: string, { stage, data, api, search, workers }: OverviewProps) {
    super(scope, id);
    const { queue, deadLetters } = data.uploads;
    const period = FIVE_MINUTES;
    const sum = { period, statistic: Stats.SUM };
    const most = { period, statistic: Stats.MAXIMUM };
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: `chiasm-${stage}`,
      defaultInterval: Duration.hours(24),
    });
    dashboard.addWidgets(
      graph('Work', [
        queue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'waiting' }),
        queue.metricApproximateNumberOfMessagesNotVisible({ ...most, label: 'in work' }),
        deadLetters.metricApproximateNumberOfMessagesVisible({ ...most, label: 'dead letters' }),
      ]),
      graph('Oldest message, seconds', [queue.metricApproximateAgeOfOldestMessage(most)]),
      graph('Indexers', [
        ...(workers.gpuIndexer ? [gpuTasks(workers.gpuIndexer.service)] : []),
        ...(workers.smallLane
          ? [workers.smallLane.function.metricInvocations({ ...sum, label: 'small batches' })]
          : []),
      ]),
      graph('Indexed', [
        ownMetric(stage, 'indexedItems', { ...sum, label: 'indexed' }),
        ownMetric(stage, 'failedItems', { ...sum, label: 'failed' }),
      ]),
    );
    dashboard.addWidgets(
      graph('Requests', [
        api.metricCount({ ...sum, label: 'requests' }),
        api.metricClientError({ ...sum, label: 'refused' }),
        api.metricServerError({ ...sum, label: 'failed' }),
      ]),
      graph(
        'Latency, ms',
        [50, 95].map((p) => api.metricLatency({ period, statistic: Stats.p(p), label: `p${p}` })),
      ),
      graph('Functions at once', [search.metric('ConcurrentExecutions', { ...most, label: 'API' })]),
      graph('Compactor', [
        workers.compactor.function.metricDuration({ ...most, label: 'longest run, ms' }),
        workers.compactor.function.metricErrors({ ...sum, label: 'failed' }),
      ]),
    );
    dashboard.addWidgets(
      graph('Index, items', [ownMetric(stage, 'indexItems', { ...most, label: 'items' })]),
      graph('Oldest change not folded, seconds', [
        ownMetric(stage, 'foldingDelay', { period, statistic: Stats.MINIMUM, label: 'waits' }),
      ]),
      graph('Share of answers from an older index', [
        ownMetric(stage, 'indexDegraded', { period, statistic: Stats.AVERAGE, label: 'degraded' }),
      ]),
      graph('Found by reconciling', [
        ownMetric(stage, 'lostChanges', { ...sum, label: 'lost changes' }),
        ownMetric(stage, 'reconcileIncomplete', { ...most, label: 'ended early' }),
      ]),
    );
  }
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: 6, height: 6, leftYAxis: { min: 0 } });
}

function gpuTasks(service: {
  readonly serviceName: string;
  readonly cluster: { readonly clusterName: string };
}): IMetric {
  const samples = new Metric({
    namespace: 'AWS/ECS',
    metricName: 'CPUUtilization',
    dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
    statistic: Stats.SAMPLE_COUNT,
    period: Duration.minutes(1),
  });
  return new MathExpression({
    expression: 'FILL(samples, 0)',
    usingMetrics: { samples },
    label: 'GPU tasks',
    period: Duration.minutes(1),
  });
}
