/** When the local program folds its deltas: after enough of them, and when it has been quiet for a while. */

import { toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import type { IndexStatistics } from '#shared/vector-index/vector-index.ts';

export interface CompactionSchedule {
  /** To be called after each change of the index. */
  changed(): void;
  /** Waits for a compaction that runs, and starts no more. */
  stop(): Promise<void>;
}

export interface CompactionThresholds {
  /** Fresh parts are scanned at each query: 4,000 x 256 numbers take about 1 ms. */
  readonly freshParts: number;
  readonly deltas: number;
  /** After this long without a change whatever is fresh is folded, so that the next start is quick. */
  readonly quietMs: number;
}

export const DEFAULT_COMPACTION_THRESHOLDS: CompactionThresholds = { freshParts: 4_000, deltas: 128, quietMs: 20_000 };

export function createCompactionSchedule(
  statistics: () => Pick<IndexStatistics, 'freshParts' | 'deltas'>,
  compact: () => Promise<void>,
  log: Log,
  thresholds = DEFAULT_COMPACTION_THRESHOLDS,
): CompactionSchedule {
  let running: Promise<void> | undefined;
  let quiet: NodeJS.Timeout | undefined;
  let stopped = false;
  const start = () => {
    if (running !== undefined || stopped) return;
    running = compact()
      .catch((thrown) => log.error('compaction.failed', { error: toChiasmError(thrown) }))
      .finally(() => {
        running = undefined;
      });
  };
  return {
    changed: () => {
      clearTimeout(quiet);
      if (stopped) return;
      const { freshParts, deltas } = statistics();
      if (freshParts >= thresholds.freshParts || deltas >= thresholds.deltas) start();
      else if (deltas > 0) quiet = setTimeout(start, thresholds.quietMs).unref();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(quiet);
      await running;
    },
  };
}
