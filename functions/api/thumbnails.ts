/** Thumbnails: made once for each version of an object and kept in the state store; a cold list does not decode twice. */

import { createHash } from 'node:crypto';
import type { Log } from '#shared/core/log.ts';
import { thumbnailKeys } from '#shared/core/state-keys.ts';
import { createThumbnail } from '#shared/media/thumbnail.ts';
import type { ObjectInfo, ObjectStore } from '#shared/store/object-store.ts';

/** Widths that are kept; a request gets the greatest that is no wider than it asked for. */
const WIDTHS_PIXELS = [64, 96, 128, 160, 240, 320, 480, 640, 960, 1280, 1600] as const;
export const THUMBNAIL_LIMITS = { min: WIDTHS_PIXELS[0], max: WIDTHS_PIXELS.at(-1) ?? 1600 } as const;

/** Pictures decoded at the same time: each may hold its file and 150 MB of pixels. */
const CONCURRENCY = 4;

export interface ThumbnailDependencies {
  readonly mediaStore: Pick<ObjectStore, 'get' | 'head'>;
  readonly stateStore: Pick<ObjectStore, 'get' | 'put' | 'list' | 'delete'>;
  readonly log: Log;
}

export interface Thumbnails {
  /** WebP bytes; undefined when the object is gone. @throws ChiasmError for what is no readable picture */
  of(object: Pick<ObjectInfo, 'key' | 'etag'>, widthPixels: number): Promise<Uint8Array | undefined>;
  /** Removes all that were kept of an object. */
  forget(key: string): Promise<void>;
}

export function keptWidth(widthPixels: number): number {
  return WIDTHS_PIXELS.findLast((width) => width <= widthPixels) ?? WIDTHS_PIXELS[0];
}

export function createThumbnails(deps: ThumbnailDependencies): Thumbnails {
  const making = new Map<string, Promise<Uint8Array | undefined>>();
  const withSlot = createSlots(CONCURRENCY);

  const make = async (key: string, stateKey: string, width: number) => {
    const object = await deps.mediaStore.get(key);
    if (object === undefined) return undefined;
    const thumbnail = await createThumbnail(object.bytes, width);
    try {
      await deps.stateStore.put(stateKey, thumbnail, { contentType: 'image/webp' });
    } catch (error) {
      deps.log.warn('thumbnail.not_kept', { key, error }); // the picture is there to be shown; the next request makes it again
    }
    if ((await deps.mediaStore.head(key)) !== undefined) return thumbnail;
    await deps.stateStore.delete(stateKey); // it was deleted meanwhile: nothing of it may stay
    return undefined;
  };
  return {
    async of({ key, etag }, widthPixels) {
      const width = keptWidth(widthPixels);
      const stateKey = thumbnailKeys.one(digestOf(key), digestOf(etag).slice(0, 32), width);
      const running = making.get(stateKey);
      if (running !== undefined) return running;
      const kept = await deps.stateStore.get(stateKey);
      if (kept !== undefined) return kept.bytes;
      const task =
        making.get(stateKey) ?? withSlot(() => make(key, stateKey, width)).finally(() => making.delete(stateKey));
      making.set(stateKey, task);
      return task;
    },
    async forget(key) {
      for await (const { key: stateKey } of deps.stateStore.list({ prefix: thumbnailKeys.of(digestOf(key)) })) {
        await deps.stateStore.delete(stateKey);
      }
    },
  };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Runs tasks with at most `slots` of them at a time, in the order of the calls. */
function createSlots(slots: number): <Result>(task: () => Promise<Result>) => Promise<Result> {
  let free = slots;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
