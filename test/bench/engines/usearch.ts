/** usearch: an HNSW graph in memory; numbers in half precision or float32. Its JavaScript binding has no filters. */

import { join } from 'node:path';
import { row } from '#shared/core/vector.ts';
import { type CreateEngine, type Engine, GRAPH_SETTINGS } from './engine.ts';
import { peer } from './peer.ts';

interface UsearchIndex {
  add(keys: BigUint64Array | bigint, vectors: Float32Array, threads?: number): void;
  search(query: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array };
  save(path: string): void;
  load(path: string): void;
}

interface Usearch {
  readonly Index: new (options: Record<string, unknown>) => UsearchIndex;
}

/** The binding takes ef when an index is made, so each setting loads the file again. */
export function usearchEngine(quantization: 'f32' | 'f16' | 'i8'): CreateEngine {
  return async (folder): Promise<Engine> => {
    const { Index } = peer<Usearch>('usearch');
    const path = join(folder, 'index.usearch');
    let dimensionsUsed = 0;
    let index: UsearchIndex;
    const create = (ef: number) =>
      new Index({
        metric: 'ip',
        quantization,
        dimensions: dimensionsUsed,
        connectivity: 16,
        expansion_add: 200,
        expansion_search: ef,
      });
    const load = (ef: number) => {
      index = create(ef);
      index.load(path);
    };
    return {
      filters: false,
      settings: GRAPH_SETTINGS,
      build: async (vectors, dimensions) => {
        dimensionsUsed = dimensions;
        index = create(96);
        const count = vectors.length / dimensions;
        for (let start = 0; start < count; start += 10_000) {
          const end = Math.min(count, start + 10_000);
          const keys = BigUint64Array.from({ length: end - start }, (_, i) => BigInt(start + i));
          index.add(keys, vectors.subarray(start * dimensions, end * dimensions), 0); // 0: all cores
        }
        index.save(path);
      },
      open: async (dimensions) => {
        dimensionsUsed = dimensions;
        load(96);
      },
      use: async ({ ef }) => load(ef!),
      search: async (query, k) => Array.from(index.search(query, k, 1).keys, Number),
      insert: async (id, vector) => index.add(BigInt(id), row(vector, vector.length, 0)),
      close: async () => undefined,
    };
  };
}
