/** Small made-up items and vectors for the index tests: the same for the same seed. */

import type { Attributes, Change, Item, Part } from '#shared/catalog/item.ts';
import { normalize } from '#shared/core/vector.ts';

/** A seeded generator of numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomVector(random: () => number, dimensions: number): Float32Array {
  return normalize(Float32Array.from({ length: dimensions }, () => gaussian(random)));
}

/** Normalised rows around `clusters` centres, as embeddings of real collections are. */
export function clusteredVectors(seed: number, count: number, dimensions: number, clusters: number, spread = 0.6) {
  const random = seededRandom(seed);
  const centres = Array.from({ length: clusters }, () => randomVector(random, dimensions));
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(random() * clusters)]!;
    const noise = randomVector(random, dimensions);
    return normalize(centre.map((value, d) => value + spread * noise[d]!));
  });
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface SampleItem extends Partial<Omit<Item, 'attributes'>> {
  readonly key: string;
  readonly attributes?: Attributes;
}

export function sampleItem({ key, ...rest }: SampleItem): Item {
  return {
    key,
    sequencer: '0001',
    etag: `etag-of-${key}`,
    status: 'indexed',
    modality: 'image',
    contentType: 'image/jpeg',
    sizeBytes: 1000,
    attributes: {},
    indexedAt: '2026-01-01T00:00:00.000Z',
    ...rest,
  };
}

export function put(item: SampleItem, ...parts: readonly (Float32Array | Partial<Part>)[]): Change {
  return {
    operation: 'put',
    item: sampleItem(item),
    parts: parts.map((part) =>
      part instanceof Float32Array ? { range: null, vector: part } : { range: null, ...part },
    ),
  };
}

export function remove(key: string, sequencer: string): Change {
  return { operation: 'delete', key, sequencer };
}
