/**
 * Counters, gauges and histograms in the Prometheus text format 0.0.4, no more: what a client library would add
 * (process metrics, exemplars, push) is not served.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */

type Labels = Readonly<Record<string, string | number>>;

export interface MetricsRegistry {
  counter(name: string, help: string): { add(labels?: Labels, amount?: number): void };
  /** @param bounds upper bounds of the buckets, ascending; +Inf is added */
  histogram(name: string, help: string, bounds: readonly number[]): { observe(value: number, labels?: Labels): void };
  /** A gauge that is read when the metrics are. */
  gauge(name: string, help: string, read: () => readonly { readonly labels?: Labels; readonly value: number }[]): void;
  text(): string;
}

interface HistogramSeries {
  readonly labels: Labels;
  readonly buckets: number[];
  sum: number;
  count: number;
}

export function createMetricsRegistry(): MetricsRegistry {
  const sections: (() => string[])[] = [];
  return {
    counter(name, help) {
      const series = new Map<string, number>();
      sections.push(() => [
        ...header(name, help, 'counter'),
        ...[...series].map(([labels, value]) => `${name}${labels} ${value}`),
      ]);
      return {
        add: (labels = {}, amount = 1) => {
          const text = labelText(labels);
          series.set(text, (series.get(text) ?? 0) + amount);
        },
      };
    },
    histogram(name, help, bounds) {
      const series = new Map<string, HistogramSeries>();
      sections.push(() => [
        ...header(name, help, 'histogram'),
        ...[...series.values()].flatMap((one) => histogramLines(name, bounds, one)),
      ]);
      return {
        observe: (value, labels = {}) => {
          const text = labelText(labels);
          const one = series.get(text) ?? { labels, buckets: bounds.map(() => 0), sum: 0, count: 0 };
          series.set(text, one);
          const bucket = bounds.findIndex((bound) => value <= bound);
          if (bucket !== -1) one.buckets[bucket]! += 1;
          one.sum += value;
          one.count += 1;
        },
      };
    },
    gauge(name, help, read) {
      sections.push(() => [
        ...header(name, help, 'gauge'),
        ...read().map(({ labels = {}, value }) => `${name}${labelText(labels)} ${value}`),
      ]);
    },
    text: () => `${sections.flatMap((section) => section()).join('\n')}\n`,
  };
}

function header(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function histogramLines(name: string, bounds: readonly number[], series: HistogramSeries): string[] {
  let cumulative = 0;
  const lines = bounds.map((bound, i) => {
    cumulative += series.buckets[i]!;
    return `${name}_bucket${labelText({ ...series.labels, le: bound })} ${cumulative}`;
  });
  lines.push(`${name}_bucket${labelText({ ...series.labels, le: '+Inf' })} ${series.count}`);
  lines.push(
    `${name}_sum${labelText(series.labels)} ${series.sum}`,
    `${name}_count${labelText(series.labels)} ${series.count}`,
  );
  return lines;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
