/** An object store in memory, for tests that need speed and for what may be lost. One process only. */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Clock, systemClock } from '#shared/core/clock.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import { clampRange } from './byte-range.ts';
import { checkMetadata } from './check-metadata.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

export interface MemoryObjectStoreOptions {
  readonly clock?: Clock;
}

export function createMemoryObjectStore({ clock = systemClock }: MemoryObjectStoreOptions = {}): ObjectStore {
  const objects = new Map<string, StoredObject>();
  const storeId = randomUUID().slice(0, 8); // so that etags of two stores never meet
  let versions = 0;

  const find = (key: string) => objects.get(parseObjectKey(key));

  return {
    async get(key, { range } = {}) {
      const object = find(key);
      const { start, end } = clampRange(range, object?.sizeBytes ?? 0);
      return object && { ...object, bytes: object.bytes.slice(start, end) };
    },
    async getIfChanged(key, etag) {
      const object = find(key);
      return object?.etag === etag ? 'unchanged' : object && { ...object, bytes: object.bytes.slice() };
    },
    async stream(key, { range } = {}) {
      const object = find(key);
      const { start, end } = clampRange(range, object?.sizeBytes ?? 0);
      if (object === undefined) return undefined;
      const { bytes, ...info } = object;
      return { ...info, body: Readable.from(end > start ? [bytes.slice(start, end)] : []) };
    },
    async head(key) {
      const object = find(key);
      if (object === undefined) return undefined;
      const { bytes: _bytes, ...info } = object;
      return info;
    },
    async put(key, body, { ifAbsent, ifMatch, contentType, metadata } = {}) {
      parseObjectKey(key);
      const beside = { ...(contentType && { contentType }), ...(metadata && { metadata: { ...metadata } }) };
      checkMetadata(beside);
      const bytes = body instanceof Uint8Array ? body.slice() : new Uint8Array(await buffer(body));
      const current = objects.get(key);
      if (ifAbsent && current !== undefined) return { written: false };
      if (ifMatch !== undefined && current?.etag !== ifMatch) return { written: false };
      versions += 1;
      const etag = `${storeId}-${versions}`;
      objects.set(key, { key, etag, sizeBytes: bytes.length, modifiedAtMs: clock.now(), ...beside, bytes });
      return { written: true, etag };
    },
    async delete(key) {
      objects.delete(parseObjectKey(key));
    },
    async *list({ prefix = '', startAfter } = {}) {
      const keys = [...objects.keys()]
        .filter((key) => key.startsWith(prefix) && (startAfter === undefined || compareKeys(key, startAfter) > 0))
        .sort(compareKeys);
      for (const key of keys) {
        const object = objects.get(key);
        if (object === undefined) continue; // deleted while the listing was read
        const { etag, sizeBytes, modifiedAtMs } = object;
        yield { key, etag, sizeBytes, modifiedAtMs };
      }
    },
    async localPath(key, folder) {
      const object = find(key);
      if (object === undefined) return undefined;
      const digest = createHash('sha256').update(key).digest('hex');
      const path = join(folder, `${digest}-${object.etag}`);
      await mkdir(folder, { recursive: true });
      await writeFile(path, object.bytes);
      return path;
    },
  };
}
