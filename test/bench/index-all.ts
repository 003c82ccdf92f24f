/** Indexes keys of a store into an empty index with the program's own parts; for benchmarks. */

import { join } from 'node:path';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { indexKeys } from '#shared/ingest/index-keys.ts';
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
  const failed = await indexKeys(
    {
      queue: createMemoryQueue<ChangeMessage>({ clock, visibilityMs: 600_000, maxAttempts: 2 }),
      index,
      encoder,
      prepare: createPrepare({ mediaStore: media, index, encoder, limits: DEFAULT_MEDIA_LIMITS }),
      clock,
      log: silentLog,
      nextSequencer: createUlidGenerator(clock),
    },
    keys,
  );
  if (failed > 0) throw new Error(`${failed} pictures failed`);
  await index.close();
}
