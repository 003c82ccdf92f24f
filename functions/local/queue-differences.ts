/** What differs between the media and a space, or between a space and one that follows it, queued to be looked at. */

import type { Modality } from '#shared/core/modality.ts';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import type { Inbox } from '#shared/ingest/inbox.ts';
import { indexedItems, unheardSounds } from '#shared/ingest/indexed-items.ts';
import { reconcile } from '#shared/ingest/reconcile.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { SkippedEntry } from '#shared/store/user-folder.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

export interface Media {
  readonly mediaStore: ObjectStore;
  /** What the newest listing left out, by path. */
  readonly skipped: Map<string, SkippedEntry>;
}

interface Line {
  readonly index: VectorIndex;
  readonly inbox: Inbox;
  readonly transcribedBy?: string;
}

const KEYS_AT_ONCE = 1_000;

/**
 * Queues whatever differs; returns how many keys. What the folders cannot show now is not taken for deleted; a file that
 * cannot be read is queued too, so that it ends as a failed item with the reason; so are sounds that the speech model of now
 * has not heard.
 */
export async function queueDifferences(
  { mediaStore, skipped }: Media,
  { index, inbox, transcribedBy }: Line,
): Promise<number> {
  const keys = createKeyQueue(inbox);
  skipped.clear();
  for await (const { operation, key } of reconcile(mediaStore, index)) {
    if (operation === 'put' || !isSkipped(key, skipped)) await keys.add(key);
  }
  for (const { path, problem } of skipped.values()) {
    if (problem === 'unreadable' && !path.endsWith('/') && objectKeyProblem(path) === undefined) await keys.add(path);
  }
  if (transcribedBy !== undefined) {
    for await (const key of unheardSounds(index, transcribedBy)) await keys.add(key);
  }
  return keys.end();
}

/** Queues what the space has of the modalities and its follower has not, and the other way round. */
export async function queueFollowed(
  space: Pick<VectorIndex, 'items'>,
  follower: Line,
  modalities: ReadonlySet<Modality>,
): Promise<number> {
  const keys = createKeyQueue(follower.inbox);
  const followed = { list: () => indexedItems(space, modalities) };
  for await (const { key } of reconcile(followed, follower.index)) await keys.add(key);
  return keys.end();
}

function createKeyQueue(inbox: Inbox) {
  const keys: string[] = [];
  let total = 0;
  return {
    add: async (key: string) => {
      keys.push(key);
      total += 1;
      if (keys.length >= KEYS_AT_ONCE) await inbox.changed(keys.splice(0));
    },
    end: async () => {
      await inbox.changed(keys);
      return total;
    },
  };
}

/** Whether the key, or a folder above it, is among what a listing could not show. */
function isSkipped(key: string, skipped: ReadonlyMap<string, SkippedEntry>): boolean {
  if (skipped.has(key)) return true;
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
    if (skipped.has(key.slice(0, slash + 1))) return true;
  }
  return skipped.has('');
}
