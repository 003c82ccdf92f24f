/** What the bucket has and the index has not, or the other way round, put into the queue: how lost events heal. */

import type { Queue } from '#shared/queue/queue.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { ChangeMessage } from './change-message.ts';
import { unheardSounds } from './indexed-items.ts';
import { type Difference, reconcile } from './reconcile.ts';

export interface LostChangesDependencies {
  readonly mediaStore: Pick<ObjectStore, 'list'>;
  readonly index: Pick<VectorIndex, 'etags' | 'items'>;
  readonly queue: Pick<Queue<ChangeMessage>, 'send'>;
  /** The model that writes down what is said: sounds that another one heard, or none, are to be heard. @default nobody listens */
  readonly transcribedBy?: string | undefined;
}

export interface LostChanges {
  /** Objects that are new, changed or not heard yet, and items whose object is gone. */
  readonly found: Readonly<Record<'put' | 'delete', number>>;
  /** Why the pass ended before everything was compared. The next one finds the rest. */
  readonly ended?: 'limit' | 'time';
}

const MESSAGES_AT_ONCE = 1_000;

/**
 * Every message says "look at this key" and has no place among the changes of its key: who looks finds what is there then.
 * @param options.atMost what a pass queues at most, so that a mistake does not cost a whole import
 */
export async function queueLostChanges(
  deps: LostChangesDependencies,
  { atMost, signal }: { readonly atMost: number; readonly signal: AbortSignal },
): Promise<LostChanges> {
  const found = { put: 0, delete: 0 };
  const messages: ChangeMessage[] = [];
  const flush = async () => {
    if (messages.length > 0) await deps.queue.send(messages.splice(0));
  };
  try {
    for await (const { operation, key } of differences(deps, signal)) {
      if (found.put + found.delete === atMost) return { found, ended: 'limit' };
      found[operation] += 1;
      messages.push({ operation: 'put', key });
      if (messages.length === MESSAGES_AT_ONCE) await flush();
    }
    return { found };
  } catch (error) {
    if (!signal.aborted) throw error;
    return { found, ended: 'time' };
  } finally {
    await flush();
  }
}

async function* differences(
  { mediaStore, index, transcribedBy }: LostChangesDependencies,
  signal: AbortSignal,
): AsyncGenerator<Difference> {
  yield* reconcile({ list: () => untilAborted(mediaStore.list(), signal) }, index);
  if (transcribedBy === undefined) return;
  for await (const key of untilAborted(unheardSounds(index, transcribedBy), signal)) yield { operation: 'put', key };
}

/** Throws at the end of the time: a listing that just ended would look as if the rest had been deleted. */
async function* untilAborted<Value>(values: AsyncIterable<Value>, signal: AbortSignal): AsyncGenerator<Value> {
  for await (const value of values) {
    signal.throwIfAborted();
    yield value;
  }
}
