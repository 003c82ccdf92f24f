/** The embedded index at its port: answers are whole items with their attributes, not ids alone. */

import { join } from 'node:path';
import type { Filter } from '#shared/catalog/filter.ts';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { row } from '#shared/core/vector.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { type OpenIndexOptions, openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { put } from '../../vector-index/sample-changes.ts';
import { type CreateEngine, type Engine, GRAPH_SETTINGS, groupsOf, type Setting } from './engine.ts';

const BATCH = 1000;

export const createEngine: CreateEngine = async (folder) => createEngineOver(filesIn(folder), folder);

/** Holds all vectors in memory, however many they are. */
export const createHoldingEngine: CreateEngine = async (folder) =>
  createEngineOver(filesIn(folder), folder, { heldVectorBytes: Number.POSITIVE_INFINITY });

const filesIn = (folder: string) => createFileObjectStore(join(folder, 'state'));

export function createEngineOver(store: ObjectStore, folder: string, options: OpenIndexOptions = {}): Engine {
  let index: VectorIndex | undefined;
  let dimensionsUsed = 0;
  const deps = () => ({
    store,
    space: { id: 'bench', dimensions: dimensionsUsed },
    clock: systemClock,
    log: silentLog,
    scratchFolder: join(folder, 'scratch'),
  });
  const reopen = async (setting?: Setting) => {
    await index?.close();
    index = await openIndex(deps(), { ...options, ...(setting?.ef !== undefined && { ef: setting.ef }) });
  };
  const change = (id: number, vector: Float32Array) => put({ key: String(id), attributes: groupsOf(id) }, vector);
  return {
    filters: true,
    settings: GRAPH_SETTINGS,
    build: async (vectors, dimensions) => {
      dimensionsUsed = dimensions;
      await reopen();
      const count = vectors.length / dimensions;
      for (let start = 0; start < count; start += BATCH) {
        const ids = Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
        await index!.apply(ids.map((id) => change(id, row(vectors, dimensions, id))));
      }
      await index!.close();
      index = undefined;
      await compact(deps());
    },
    open: (dimensions) => {
      dimensionsUsed = dimensions;
      return reopen();
    },
    use: reopen,
    search: async (vector, k, oneIn) => {
      const { hits } = await index!.searchVectors({ vector, limit: k, ...groupFilter(oneIn) });
      return hits.map(({ item }) => Number(item.key));
    },
    insert: (id, vector) => index!.apply([change(id, vector)]),
    close: async () => index?.close(),
  };
}

export function groupFilter(oneIn: number | undefined): { readonly filter?: Filter } {
  if (oneIn === undefined) return {};
  return { filter: { kind: 'compare', field: `in${oneIn}`, comparison: { operator: 'equals', value: true } } };
}
