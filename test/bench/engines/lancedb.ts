/** LanceDB: a columnar file with an IVF index of HNSW graphs over scalar-quantised vectors, refined by the full ones. */

import { join } from 'node:path';
import { row } from '#shared/core/vector.ts';
import { type Engine, groupsOf, type Setting } from './engine.ts';
import { peer } from './peer.ts';

interface Query extends PromiseLike<unknown> {
  distanceType(type: string): Query;
  limit(k: number): Query;
  nprobes(n: number): Query;
  ef(n: number): Query;
  refineFactor(n: number): Query;
  where(condition: string): Query;
  select(columns: readonly string[]): Query;
  toArray(): Promise<readonly { readonly id: number }[]>;
}

interface Table {
  add(rows: readonly object[]): Promise<unknown>;
  createIndex(column: string, options?: { readonly config: unknown }): Promise<void>;
  vectorSearch(query: readonly number[] | Float32Array): Query;
  optimize(): Promise<unknown>;
}

interface Lance {
  connect(path: string): Promise<{
    createTable(name: string, rows: readonly object[]): Promise<Table>;
    openTable(name: string): Promise<Table>;
  }>;
  readonly Index: { hnswSq(options: Record<string, unknown>): unknown };
}

const BATCH = 5000;

export async function createEngine(folder: string): Promise<Engine> {
  const lance = peer<Lance>('@lancedb/lancedb');
  const database = await lance.connect(join(folder, 'lance'));
  let table: Table;
  let setting: Setting = { name: '', ef: 96, refine: 4 };
  const rowOf = (id: number, vector: Float32Array) => ({ id, vector: Array.from(vector), ...groupsOf(id) });
  return {
    filters: true,
    settings: [
      { name: 'ef 32', ef: 32 },
      { name: 'ef 32, refine 2', ef: 32, refine: 2 },
      { name: 'ef 64, refine 2', ef: 64, refine: 2 },
      { name: 'ef 64, refine 4', ef: 64, refine: 4 },
      { name: 'ef 128, refine 4', ef: 128, refine: 4 },
      { name: 'ef 256, refine 8', ef: 256, refine: 8 },
    ],
    build: async (vectors, dimensions) => {
      const count = vectors.length / dimensions;
      const batch = (start: number) =>
        Array.from({ length: Math.min(BATCH, count - start) }, (_, i) =>
          rowOf(start + i, row(vectors, dimensions, start + i)),
        );
      table = await database.createTable('vectors', batch(0));
      for (let start = BATCH; start < count; start += BATCH) await table.add(batch(start));
      await table.createIndex('vector', {
        config: lance.Index.hnswSq({ distanceType: 'dot', numPartitions: 1, m: 16, efConstruction: 200 }),
      });
      await table.optimize();
    },
    open: async () => {
      table = await database.openTable('vectors');
    },
    use: async (next) => {
      setting = next;
    },
    search: async (query, k, oneIn) => {
      let search = table.vectorSearch(query).distanceType('dot').limit(k).nprobes(1).ef(setting.ef!);
      if (setting.refine !== undefined) search = search.refineFactor(setting.refine);
      if (oneIn !== undefined) search = search.where(`in${oneIn} = true`);
      return (await search.select(['id', '_distance']).toArray()).map(({ id }) => Number(id));
    },
    insert: async (id, vector) => void (await table.add([rowOf(id, vector)])),
    close: async () => undefined,
  };
}
