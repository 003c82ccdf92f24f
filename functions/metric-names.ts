/**
 * The metrics of the programs' own: the one place that spells them. Programs put them, `infra` shows them and watches them. Each
 * is billed by the month in which it has a value, so what AWS measures by itself (requests, times, messages) is not among them.
 */

export const METRIC = {
  /** Messages whose item was stored, and those that became a failed item or were given up. */
  indexedItems: 'IndexedItems',
  failedItems: 'FailedItems',
  /** Items of the largest space, at each compaction. */
  indexItems: 'IndexItems',
  /** 1 while the API serves an older state than there is, because the newest cannot be read. */
  indexDegraded: 'IndexDegraded',
  /** Seconds that the oldest delta has waited to be folded into the generation that the API serves; 0 when none waits. */
  foldingDelay: 'FoldingDelay',
  /** Differences between bucket and index that a reconcile has found. */
  lostChanges: 'LostChanges',
  /** 1 when a reconcile ended before everything was compared. */
  reconcileIncomplete: 'ReconcileIncomplete',
} as const;

export type MetricName = (typeof METRIC)[keyof typeof METRIC];
