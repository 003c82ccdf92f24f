/** Tables that worked examples print, in Markdown. */

import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import type { Measured } from '#shared/classify/measure.ts';

/** `83.8 (80.1 to 87.0)`, in percent. */
export function withInterval({ value, low, high }: Measured): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  return `${percent(value)} (${percent(low)} to ${percent(high)})`;
}

/** A line of a table with what was measured of a classifier of one label set. */
export function metricsRow(name: string, { metrics }: Pick<HeldOutMetrics, 'metrics'>): string {
  const [task] = Object.values(metrics);
  const { accuracy, macroF1, auroc, calibrationError } = task!;
  const area = auroc === undefined ? '' : auroc.value.toFixed(3);
  return tableRow([name, withInterval(accuracy), withInterval(macroF1), area, calibrationError.value.toFixed(3)]);
}

export const METRICS_HEAD = tableHead(['', 'accuracy, %', 'macro F1, %', 'AUROC', 'calibration error']);

/** Accuracy of one classifier where only some kinds of content are shown. */
export function missingTable({ missing, metrics }: Pick<HeldOutMetrics, 'missing' | 'metrics'>): string {
  const tasks = Object.keys(metrics);
  const rows = missing.map(({ given, accuracy }) =>
    tableRow([given.join(' + '), ...tasks.map((task) => (accuracy[task] ? withInterval(accuracy[task]) : ''))]),
  );
  return [tableHead(['shown', ...tasks]), ...rows].join('\n');
}

export function tableHead(names: readonly string[]): string {
  return `${tableRow(names)}\n${tableRow(names.map(() => '---'))}`;
}

export function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
