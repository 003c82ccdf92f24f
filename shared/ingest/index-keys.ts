/** Indexes objects with the program's own parts and waits until that is done; for what measures on a collection of its own. */

import type { Queue } from '#shared/queue/queue.ts';
import type { ChangeMessage } from './change-message.ts';
import { createInbox } from './inbox.ts';
import { type IngestDependencies, ingest } from './ingest.ts';

export interface IndexKeysDependencies extends Omit<IngestDependencies, 'queue' | 'onSettled'> {
  readonly queue: Queue<ChangeMessage>;
  /** Gives a greater string at each call. */
  readonly nextSequencer: () => string;
}

/**
 * @param onProgress called with how many of the keys are done
 * @returns how many of them failed
 */
export async function indexKeys(
  deps: IndexKeysDependencies,
  keys: readonly string[],
  onProgress: (done: number) => void = () => {},
): Promise<number> {
  const inbox = createInbox(deps);
  const stopping = new AbortController();
  const onSettled: IngestDependencies['onSettled'] = (message, outcome) => {
    inbox.settled(message.key, message.sequencer, outcome);
    onProgress(inbox.backlog().done);
  };
  const working = ingest({ ...deps, onSettled }, {}, stopping.signal);
  await inbox.changed(keys);
  await inbox.idle();
  stopping.abort();
  await working;
  const { failed, dead } = inbox.backlog();
  return failed + dead;
}
