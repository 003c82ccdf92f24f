/** Indexes keys of a store into an empty index with the program's own parts; for benchmarks. */

import { join } from 'node:path';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { createInbox } from '#shared/ingest/inbox.ts';
import { ingest } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';

export async function indexAll(
  media: ObjectStore,
  keys: readonly string[],
  encoder: Encoder,
  target: string,
): Promise<void> {
  const clock = systemClock;
  const store = createFileObjectStore(join(target, 'state'));
  const index = await openIndex({
    store,
    space: encoder.space,
    clock,
    log: silentLog,
    scratchFolder: join(target, 'scratch'),
  });
  const queue = createMemoryQueue<ChangeMessage>({ clock, visibilityMs: 600_000, maxAttempts: 2 });
  const inbox = createInbox({ queue, index, clock, nextSequencer: createUlidGenerator(clock) });
  const stop = new AbortController();
  const working = ingest(
    {
      queue,
      index,
      encoder,
      prepare: createPrepare({ mediaStore: media, index, encoder, limits: DEFAULT_MEDIA_LIMITS }),
      clock,
      log: silentLog,
      onSettled: (message, outcome) => inbox.settled(message.key, message.sequencer, outcome),
    },
    {},
    stop.signal,
  );
  await inbox.changed(keys);
  await inbox.idle();
  if (inbox.backlog().failed > 0) throw new Error(`${inbox.backlog().failed} pictures failed`);
  stop.abort();
  await working;
  await index.close();
}
