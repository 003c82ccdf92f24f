/**
 * Metrics as lines of the log that CloudWatch reads: no request, no library, nothing lost when a function is frozen.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */

import type { MetricName } from '#functions/metric-names.ts';
import type { Clock } from '#shared/core/clock.ts';
import type { LogFields } from '#shared/core/log.ts';

type Unit = 'Count' | 'Seconds';

export interface Metrics {
  /** One line with these values; `fields` stand beside them in the log and are no metrics. */
  put(
    event: string,
    values: Readonly<Partial<Record<MetricName, readonly [value: number, unit: Unit]>>>,
    fields?: LogFields,
  ): void;
}

/** @param dimensions of every metric: few names with few values, since each combination is a metric that is billed */
export function createEmfMetrics(
  writeLine: (line: string) => void,
  clock: Clock,
  namespace: string,
  dimensions: Readonly<Record<string, string>>,
): Metrics {
  return {
    put: (event, values, fields = {}) => {
      const entries = Object.entries(values).filter(([, [value]]) => Number.isFinite(value));
      const Metrics = entries.map(([Name, [, Unit]]) => ({ Name, Unit }));
      const _aws = {
        Timestamp: clock.now(),
        CloudWatchMetrics: [{ Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics }],
      };
      const measured = Object.fromEntries(entries.map(([name, [value]]) => [name, value]));
      writeLine(JSON.stringify({ _aws, level: 'info', event, ...fields, ...dimensions, ...measured }));
    },
  };
}
