/**
 * Vectors of content that the index does not hold, kept in the state store: a second training on the same data, or the
 * same one after a crash, embeds nothing again.
 */

import { createHash } from 'node:crypto';
import { featureKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';

export interface FeatureCache {
  /**
   * Rows [B, D] in `space` of `content` (an etag, or texts), which belongs to the object `key`; made and kept when new.
   * @param make gives rows [B, D]
   */
  rows(key: string, space: string, content: string, make: () => Promise<Float32Array>): Promise<Float32Array>;
  /** Removes what comes from an object. */
  forget(key: string): Promise<void>;
}

export function createFeatureCache(store: ObjectStore): FeatureCache {
  return {
    rows: async (key, space, content, make) => {
      const stateKey = featureKeys.one(sha256(key), space, sha256(content).slice(0, 32));
      const kept = await store.get(stateKey);
      if (kept !== undefined) return floatsOf(kept.bytes);
      const rows = await make();
      await store.put(stateKey, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
      return rows;
    },
    forget: (key) => forgetFeatures(store, key),
  };
}

async function forgetFeatures(store: ObjectStore, key: string): Promise<void> {
  for await (const found of store.list({ prefix: featureKeys.of(sha256(key)) })) await store.delete(found.key);
}

/** A copy: the bytes of a store need not begin at a multiple of four. */
function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
