/** An engine that answers with ids, beside a table of the items in SQLite: what its users do to get whole items. */

import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { sampleItem } from '../../vector-index/sample-changes.ts';
import { type CreateEngine, type Engine, groupsOf } from './engine.ts';

const MAPPED_BYTES = 2 ** 31;

export function withItems(createEngine: CreateEngine): CreateEngine {
  return async (folder): Promise<Engine> => {
    const { insert: _, ...engine } = await createEngine(folder);
    let database: DatabaseSync | undefined; // only once it is opened
    let lookUp: StatementSync;
    return {
      ...engine,
      build: async (vectors, dimensions) => {
        await engine.build(vectors, dimensions);
        const items = new DatabaseSync(join(folder, 'items.sqlite'));
        items.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, json TEXT NOT NULL); BEGIN');
        const insert = items.prepare('INSERT INTO item VALUES (?, ?)');
        for (let id = 0; id * dimensions < vectors.length; id++) {
          insert.run(id, JSON.stringify(sampleItem({ key: String(id), attributes: groupsOf(id) })));
        }
        items.exec('COMMIT');
        items.close();
      },
      open: async (dimensions) => {
        await engine.open(dimensions);
        database = new DatabaseSync(join(folder, 'items.sqlite'), { readOnly: true });
        database.exec(`PRAGMA mmap_size = ${MAPPED_BYTES}`);
        lookUp = database.prepare(
          'SELECT item.json FROM json_each(?) AS wanted CROSS JOIN item ON item.id = wanted.value',
        );
        lookUp.setReturnArrays(true);
      },
      search: async (query, k, oneIn) => {
        const ids = await engine.search(query, k, oneIn);
        const rows = lookUp.all(JSON.stringify(ids)) as unknown as [string][];
        return rows.map(([json]) => Number((JSON.parse(json) as { key: string }).key));
      },
      close: async () => {
        database?.close();
        await engine.close();
      },
    };
  };
}
