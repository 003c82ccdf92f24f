/** sqlite-vec: a table of vectors in SQLite that compares with every row. */

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { row } from '#shared/core/vector.ts';
import { type Engine, inGroup, ONE_IN } from './engine.ts';
import { peer } from './peer.ts';

const GROUPS = ONE_IN.map((n) => `in${n}`);

export async function createEngine(folder: string): Promise<Engine> {
  let database: DatabaseSync;
  const open = () => {
    database = new DatabaseSync(join(folder, 'vectors.sqlite'), { allowExtension: true });
    database.loadExtension(peer<{ getLoadablePath(): string }>('sqlite-vec').getLoadablePath());
  };
  const bytes = (vector: Float32Array) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  const insert = (id: number, vector: Float32Array) => {
    const groups = ONE_IN.map((n) => (inGroup(id, n) ? 1n : 0n));
    const places = ['?', '?', ...GROUPS.map(() => '?')].join(', ');
    database
      .prepare(`INSERT INTO vectors (id, embedding, ${GROUPS.join(', ')}) VALUES (${places})`)
      .run(BigInt(id), bytes(vector), ...groups);
  };
  return {
    filters: true,
    settings: [{ name: 'exact' }],
    build: async (vectors, dimensions) => {
      open();
      const columns = GROUPS.map((name) => `${name} integer`).join(', ');
      database.exec(
        `CREATE VIRTUAL TABLE vectors USING vec0 (id integer primary key, embedding float[${dimensions}] distance_metric=cosine, ${columns})`,
      );
      database.exec('BEGIN');
      for (let id = 0; id * dimensions < vectors.length; id++) insert(id, row(vectors, dimensions, id));
      database.exec('COMMIT');
    },
    open: async () => open(),
    use: async () => undefined,
    search: async (query, k, oneIn) => {
      const filter = oneIn === undefined ? '' : `AND in${oneIn} = 1`;
      const rows = database
        .prepare(`SELECT id FROM vectors WHERE embedding MATCH ? AND k = ? ${filter} ORDER BY distance`)
        .all(bytes(query), k);
      return rows.map(({ id }) => Number(id));
    },
    insert: async (id, vector) => insert(id, vector),
    close: async () => database.close(),
  };
}
