/** A metric of the programs' own, by the names that they put them under. */

import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC } from '#functions/metric-names.ts';

/** CloudWatch namespace of the programs' own metrics. */
export const METRICS_NAMESPACE = 'Chiasm';

export function ownMetric(
  stage: string,
  name: keyof typeof METRIC,
  options: Pick<MetricOptions, 'statistic' | 'period' | 'label'>,
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: METRIC[name],
    dimensionsMap: { stage },
    ...options,
  });
}
