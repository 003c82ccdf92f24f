/**
 * The embedded index as far as row numbers and exact scores, without looking items up: the service that usearch gives. A
 * first compaction numbers rows in the order in which they came, so here they are the ids.
 */

import { join } from 'node:path';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { openGeneration } from '#shared/vector-index/generation.ts';
import { readLiveState } from '#shared/vector-index/live-state.ts';
import { createOverlay } from '#shared/vector-index/overlay.ts';
import { DEFAULT_GRAPH_SEARCH, type IndexState, nearestRows } from '#shared/vector-index/search-vectors.ts';
import { createEngine as createWholeEngine, groupFilter } from './chiasm.ts';
import type { Engine } from './engine.ts';

export async function createEngine(folder: string): Promise<Engine> {
  const { build, settings, filters } = await createWholeEngine(folder);
  let state: IndexState | undefined; // only once it is opened
  let { ef } = DEFAULT_GRAPH_SEARCH;
  return {
    build,
    filters,
    settings,
    open: async (dimensions) => {
      const store = createFileObjectStore(join(folder, 'state'));
      const { manifest } = await readLiveState(store, 'bench');
      const generation = await openGeneration(store, { id: 'bench', dimensions }, manifest!, join(folder, 'scratch'));
      state = { generation, overlay: createOverlay(generation, dimensions) };
    },
    use: async (setting) => {
      ef = setting.ef!;
    },
    search: async (vector, limit, oneIn) =>
      nearestRows(state!, { vector, limit, ...groupFilter(oneIn) }, { ef }).folded.map(({ row }) => row),
    close: async () => {
      state?.overlay.close();
      await state?.generation?.close();
    },
  };
}
