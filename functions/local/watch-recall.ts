/** Measures the recall of the live index for the statistics: in the background, once after each compaction, while nothing is to be done. */

import type { AppDependencies } from '#functions/api/app-dependencies.ts';
import type { LastRecall } from '#functions/api/last-recall.ts';
import type { Clock } from '#shared/core/clock.ts';
import { toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { measureSetRecall } from '#shared/spaces/measure-set-recall.ts';

export interface WatchRecallDependencies {
  /** Those that answer. */
  members(): AppDependencies['spaces']['members'];
  isBusy(): boolean;
  readonly lastRecall: LastRecall;
  readonly clock: Clock;
  readonly log: Log;
}

/** A sample answers twice, once exactly: 5 ms at 100,000 parts, with room for requests between two of them. */
const SAMPLES = 40;
const LOOK_MS = 60_000;

export function watchRecall(deps: WatchRecallDependencies, lookMs = LOOK_MS): { close(): Promise<void> } {
  const { members, isBusy, lastRecall, clock, log } = deps;
  let measured: string | undefined;
  let running: Promise<void> | undefined;
  const look = async () => {
    const spaces = members();
    const state = JSON.stringify(spaces.map(({ encoder, index }) => [encoder.space.id, index.statistics().generation]));
    if (isBusy() || state === measured || spaces.every(({ index }) => index.statistics().generation === 0)) return;
    try {
      lastRecall.note(await measureSetRecall(spaces, { samples: SAMPLES }), clock.now());
      measured = state;
    } catch (thrown) {
      log.warn('recall.not_measured', { error: toChiasmError(thrown) }); // such as an index that was closed by a switch
    }
  };
  const timer = setInterval(() => {
    running ??= look().finally(() => {
      running = undefined;
    });
  }, lookMs).unref();
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
