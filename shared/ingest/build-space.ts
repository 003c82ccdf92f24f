/**
 * Brings a space in step with the bucket in this process: what differs is embedded, and then compared again, until nothing
 * differs. Nothing is kept but the space itself, so a build that is killed goes on where it was when it is begun again.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Queue } from '#shared/queue/queue.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { ChangeMessage } from './change-message.ts';
import { type IngestDependencies, type IngestOptions, ingest } from './ingest.ts';
import { queueLostChanges } from './queue-lost-changes.ts';

export interface BuildSpaceDependencies extends Omit<IngestDependencies, 'queue' | 'onSettled'> {
  readonly mediaStore: Pick<ObjectStore, 'list'>;
  /** The model that writes down what is said in sounds, for those of a build that was begun without it. */
  readonly transcribedBy?: string | undefined;
  /** A new queue of this process, for one pass. */
  readonly createQueue: () => Queue<ChangeMessage>;
  /** Called when work on one of a pass's objects has ended. */
  readonly onProgress: (done: number, total: number) => void;
}

/** A bucket that changes faster than it is read is never the same as its index. */
const MAX_PASSES = 20;

/** @throws ChiasmError `cancelled` once `signal` is aborted, `conflict` when the bucket has changed in every pass */
export async function buildSpace(
  deps: BuildSpaceDependencies,
  options: IngestOptions,
  signal: AbortSignal,
): Promise<void> {
  const { mediaStore, index, transcribedBy, log } = deps;
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const queue = deps.createQueue();
    const lostFrom = { mediaStore, index, queue, transcribedBy };
    const lost = await queueLostChanges(lostFrom, { atMost: Number.POSITIVE_INFINITY, signal });
    const total = lost.found.put + lost.found.delete;
    if (lost.ended === undefined && total === 0) return;
    log.info('space.pass', { pass, ...lost.found });
    const workedOff = new AbortController();
    let done = 0;
    const onSettled = () => {
      deps.onProgress(++done, total);
      if (done === total) workedOff.abort();
    };
    await ingest({ ...deps, queue, onSettled }, options, AbortSignal.any([signal, workedOff.signal]));
    if (signal.aborted) throw new ChiasmError('cancelled', 'the build was stopped; begin it again and it goes on');
    await index.refresh();
  }
  throw new ChiasmError('conflict', `the bucket has changed in each of ${MAX_PASSES} passes; build when less comes in`);
}
