/** What became of messages, as metrics, one line for many. */

import type { Metrics } from '#functions/cloud/emf.ts';
import { METRIC } from '#functions/metric-names.ts';
import type { IngestDependencies } from '#shared/ingest/ingest.ts';

export interface Outcomes {
  readonly onSettled: NonNullable<IngestDependencies['onSettled']>;
  /** Writes what has been counted since the last time, if anything was. */
  flush(): void;
}

export function createOutcomes(metrics: Metrics): Outcomes {
  const counts = { done: 0, failed: 0, dead: 0 };
  return {
    onSettled: (_message, outcome) => {
      counts[outcome] += 1;
    },
    flush: () => {
      const { done, failed, dead } = counts;
      if (done + failed + dead === 0) return;
      const values = {
        [METRIC.indexedItems]: [done, 'Count'],
        [METRIC.failedItems]: [failed + dead, 'Count'],
      } as const;
      metrics.put('indexer.settled', values, { dead });
      counts.done = counts.failed = counts.dead = 0;
    },
  };
}
