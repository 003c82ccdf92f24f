/**
 * The catalog: items, their parts, attributes for filters and words, in SQLite. One schema for the read-only file of a
 * generation and for the fresh rows in memory, so that one query path serves both. No vectors: a part has a row number.
 */

import { createHash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { sqlValue } from './filter-sql.ts';
import { type Item, type PartRange, transcriptOf } from './item.ts';
import { indexedText } from './words.ts';

export interface CatalogPart {
  readonly range: PartRange | null;
  readonly text?: string;
  /** Row of its vector; undefined when it has none. */
  readonly row?: number;
}

export interface CatalogHit {
  readonly item: Item;
  readonly ordinal: number;
  readonly range: PartRange | null;
  readonly text?: string;
}

export interface Stamp {
  readonly sequencer: string;
  readonly operation: 'put' | 'delete';
}

export interface ItemHead {
  readonly id: number;
  readonly sequencer: string;
  readonly status: Item['status'];
  readonly modality: Item['modality'];
}

/** Stands for the modality of an item without one. */
export const NO_MODALITY = 'other';

const SCHEMA = `
-- The columns that filters compare have no declared type: SQLite would convert a value to it, and take "1" for 1.
CREATE TABLE item (
  id INTEGER PRIMARY KEY,
  key NOT NULL UNIQUE,
  sequencer TEXT NOT NULL,
  etag TEXT NOT NULL,
  status TEXT NOT NULL,
  modality,
  content_type NOT NULL,
  size_bytes NOT NULL,
  indexed_at NOT NULL,
  digest TEXT,
  perceptual_hash TEXT,
  json TEXT NOT NULL
);
CREATE INDEX item_modality ON item (modality, status);
CREATE INDEX item_content_type ON item (content_type);
CREATE INDEX item_size_bytes ON item (size_bytes);
CREATE INDEX item_indexed_at ON item (indexed_at);
CREATE INDEX item_digest ON item (digest) WHERE digest IS NOT NULL;
-- An item without parts has one row with ordinal -1, so that its name can be found by words.
CREATE TABLE part (
  id INTEGER PRIMARY KEY,
  item INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  row INTEGER,
  range TEXT,
  text TEXT
);
CREATE UNIQUE INDEX part_item ON part (item, ordinal, row);
CREATE UNIQUE INDEX part_row ON part (row, item) WHERE row IS NOT NULL;
CREATE TABLE attribute (
  name TEXT NOT NULL,
  value NOT NULL,
  item INTEGER NOT NULL,
  PRIMARY KEY (name, value, item)
) WITHOUT ROWID;
CREATE INDEX attribute_item ON attribute (item);
-- The key of a deleted object is kept as its SHA-256 only.
CREATE TABLE tombstone (
  key_digest BLOB PRIMARY KEY,
  sequencer TEXT NOT NULL,
  folded_at REAL NOT NULL
) WITHOUT ROWID;
-- rowid = part.id; holds folded words (words.ts) and no copy of the text. The first part of a sound has all that is said in it.
CREATE VIRTUAL TABLE words USING fts5 (
  key, title, attributes, text, content='', contentless_delete=1, tokenize='ascii', prefix='2 3'
);
`;

/** A catalog with its prepared statements. Close it when it is no longer served. */
export class Catalog {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** A prepared statement, kept for the next call. Only for the fixed texts of this module and its neighbours. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** A statement for text that varies with the request; it is not kept. */
  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  execute(sql: string): void {
    this.#database.exec(sql);
  }

  /** Adds an item whose key the catalog does not hold. Returns its id. */
  insert(item: Item, parts: readonly CatalogPart[]): number {
    const id = this.#insertItem(item);
    this.#insertAttributes(id, item);
    const names = [indexedText(item.key), indexedText(item.title ?? ''), indexedText(attributeText(item))] as const;
    const insertPart = this.statement('INSERT INTO part (item, ordinal, row, range, text) VALUES (?, ?, ?, ?, ?)');
    const insertWords = this.statement(
      'INSERT INTO words (rowid, key, title, attributes, text) VALUES (?, ?, ?, ?, ?)',
    );
    const said = transcriptOf(item, parts).map(({ text }) => text);
    const insert = (ordinal: number, part: CatalogPart) => {
      const range = part.range && JSON.stringify(part.range);
      const rowid = insertPart.run(id, ordinal, part.row ?? null, range, part.text ?? null).lastInsertRowid;
      const text = ordinal === 0 && said.length > 0 ? said.join(' ') : part.text;
      insertWords.run(rowid, ...names, indexedText(text ?? ''));
    };
    if (parts.length === 0) insert(-1, { range: null });
    for (const [ordinal, part] of parts.entries()) insert(ordinal, part);
    return id;
  }

  /** Removes an item; returns the rows of its vectors. */
  remove(id: number): number[] {
    const parts = this.statement('SELECT id, row FROM part WHERE item = ?').all(id);
    const removeWords = this.statement('DELETE FROM words WHERE rowid = ?');
    for (const part of parts) removeWords.run(part.id!);
    this.statement('DELETE FROM part WHERE item = ?').run(id);
    this.statement('DELETE FROM attribute WHERE item = ?').run(id);
    this.statement('DELETE FROM item WHERE id = ?').run(id);
    return parts.flatMap(({ row }) => (row === null ? [] : [row as number]));
  }

  head(key: string): ItemHead | undefined {
    const row = this.statement('SELECT id, sequencer, status, modality FROM item WHERE key = ?').get(key);
    if (row === undefined) return undefined;
    return { ...(row as unknown as ItemHead), modality: (row.modality ?? undefined) as Item['modality'] };
  }

  /** The newest operation on a key that this catalog knows of. A tombstone of an item that came back is older than it. */
  latest(key: string): Stamp | undefined {
    const item = this.statement('SELECT sequencer FROM item WHERE key = ?').get(key);
    if (item !== undefined) return { sequencer: item.sequencer as string, operation: 'put' };
    const tombstone = this.statement('SELECT sequencer FROM tombstone WHERE key_digest = ?').get(keyDigest(key));
    return tombstone && { sequencer: tombstone.sequencer as string, operation: 'delete' };
  }

  /** Id of an indexed item with these bytes. */
  idOfDigest(digest: string): number | undefined {
    const sql = "SELECT id FROM item WHERE digest = ? AND status = 'indexed' LIMIT 1";
    return this.statement(sql).get(digest)?.id as number | undefined;
  }

  bury(key: string, sequencer: string, foldedAtMs: number): void {
    this.statement('INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)').run(keyDigest(key), sequencer, foldedAtMs);
  }

  /** Forgets tombstones that were folded before `beforeMs`. Returns how many. */
  forgetTombstones(beforeMs: number): number {
    return Number(this.statement('DELETE FROM tombstone WHERE folded_at < ?').run(beforeMs).changes);
  }

  item(id: number): Item {
    const row = this.statement('SELECT json FROM item WHERE id = ?').get(id)!;
    return JSON.parse(row.json as string) as Item;
  }

  parts(id: number): CatalogPart[] {
    const rows = this.statement(
      'SELECT row, range, text FROM part WHERE item = ? AND ordinal >= 0 ORDER BY ordinal',
    ).all(id);
    return rows.map((row) => ({
      range: parseRange(row.range),
      ...(row.text === null ? {} : { text: row.text as string }),
      ...(row.row === null ? {} : { row: row.row as number }),
    }));
  }

  /** The part that each row of a vector belongs to, in the order of `rows`. */
  hitsOfRows(rows: readonly number[]): CatalogHit[] {
    return this.#hits('part.row', rows);
  }

  hitsOfParts(parts: readonly number[]): CatalogHit[] {
    return this.#hits('part.id', parts);
  }

  /** The item id of every row of a vector, [rows]; 0 where a row is not used. */
  itemsOfRows(rows: number): Int32Array {
    const items = new Int32Array(rows);
    const json = this.statement(
      'SELECT json_group_array(row) AS rows, json_group_array(item) AS items FROM part WHERE row IS NOT NULL',
    ).get()!;
    const ids = JSON.parse(json.items as string) as number[];
    (JSON.parse(json.rows as string) as number[]).forEach((row, i) => {
      items[row] = ids[i]!;
    });
    return items;
  }

  /** Rows in use by the modality of their item, each in ascending order. */
  rowsByModality(): Map<string, Int32Array> {
    const lines = this.statement(
      `SELECT modality, json_group_array(row) AS rows FROM (
         SELECT coalesce(item.modality, '${NO_MODALITY}') AS modality, part.row AS row
         FROM part JOIN item ON item.id = part.item WHERE part.row IS NOT NULL ORDER BY part.row) GROUP BY modality`,
    ).all();
    return new Map(
      lines.map(({ modality, rows }) => [
        modality as string,
        Int32Array.from(JSON.parse(rows as string) as number[]).sort(),
      ]),
    );
  }

  /** Rows in use, ascending. */
  usedRows(): number[] {
    const used = this.statement(
      'SELECT json_group_array(row) AS rows FROM (SELECT row FROM part WHERE row IS NOT NULL ORDER BY row)',
    );
    return JSON.parse(used.get()!.rows as string) as number[];
  }

  /** Gives the part at row `from` the row `to`, which must be free. */
  moveRow(from: number, to: number): void {
    this.statement('UPDATE part SET row = ? WHERE row = ?').run(to, from);
  }

  sizes(): { items: number; parts: number; vectors: number; tombstones: number } {
    return this.statement(
      `SELECT (SELECT count(*) FROM item) AS items, (SELECT count(*) FROM part WHERE ordinal >= 0) AS parts,
              (SELECT count(*) FROM part WHERE row IS NOT NULL) AS vectors, (SELECT count(*) FROM tombstone) AS tombstones`,
    ).get() as { items: number; parts: number; vectors: number; tombstones: number };
  }

  /**
   * Before a file becomes immutable: the words' index in one piece; with `rewrite` also a new file without the free pages
   * that still hold bytes of removed rows.
   */
  tidy(options: { readonly rewrite: boolean }): void {
    this.execute("INSERT INTO words (words) VALUES ('optimize')");
    if (options.rewrite) this.execute('VACUUM');
  }

  /** One more than the greatest item id. */
  itemCapacity(): number {
    return (this.statement('SELECT coalesce(max(id), 0) + 1 AS capacity FROM item').get()!.capacity as number) ?? 1;
  }

  counts(): { modality: Item['modality']; status: Item['status']; items: number }[] {
    const rows = this.statement('SELECT modality, status, count(*) AS items FROM item GROUP BY 1, 2').all();
    return rows.map((row) => ({
      modality: (row.modality ?? undefined) as Item['modality'],
      status: row.status as Item['status'],
      items: row.items as number,
    }));
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #insertItem(item: Item): number {
    const result = this.statement(
      `INSERT INTO item (key, sequencer, etag, status, modality, content_type, size_bytes, indexed_at, digest,
                         perceptual_hash, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      item.key,
      item.sequencer,
      item.etag,
      item.status,
      item.modality ?? null,
      item.contentType,
      item.sizeBytes,
      normalTime(item.indexedAt),
      item.digest ?? null,
      item.perceptualHash ?? null,
      JSON.stringify(item),
    );
    return Number(result.lastInsertRowid);
  }

  /** An array is stored value by value; null and the empty array have no value and no row. */
  #insertAttributes(id: number, item: Item): void {
    const insert = this.statement('INSERT OR IGNORE INTO attribute VALUES (?, ?, ?)');
    for (const [name, value] of Object.entries(item.attributes)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== null) insert.run(name, sqlValue(one), id);
      }
    }
  }

  /** In one query: a call of SQLite for each hit takes twice the time. */
  #hits(column: 'part.row' | 'part.id', wanted: readonly number[]): CatalogHit[] {
    if (wanted.length === 0) return [];
    const statement = this.statement(
      `SELECT item.json, part.ordinal, part.range, part.text
       FROM json_each(?) AS wanted CROSS JOIN part ON ${column} = wanted.value CROSS JOIN item ON item.id = part.item`,
    );
    statement.setReturnArrays(true);
    const rows = statement.all(JSON.stringify(wanted)) as unknown as [string, number, string | null, string | null][];
    return rows.map(([json, ordinal, range, text]) => {
      const hit = { item: JSON.parse(json) as Item, ordinal: Math.max(0, ordinal), range: parseRange(range) };
      return text === null ? hit : { ...hit, text };
    });
  }
}

/** An empty catalog in memory. */
export function createMemoryCatalog(): Catalog {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  return new Catalog(database);
}

/** A new file, or an existing one to be changed by the compactor alone; safe only because it is thrown away on failure. */
export function openCatalogForWriting(path: string, options: { readonly create: boolean }): Catalog {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;');
  if (options.create) database.exec(SCHEMA);
  return new Catalog(database);
}

const MAPPED_BYTES = 2 ** 31; // of address space, not of memory

/** The file of a generation, which nobody changes. */
export function openCatalogFile(path: string): Catalog {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  const database = new DatabaseSync(url, { readOnly: true });
  database.exec(`PRAGMA mmap_size = ${MAPPED_BYTES}`); // pages are read where the system keeps them, not copied one by one
  return new Catalog(database);
}

export function keyDigest(key: string): Uint8Array {
  return createHash('sha256').update(key).digest();
}

function parseRange(json: unknown): PartRange | null {
  return typeof json === 'string' ? (JSON.parse(json) as PartRange) : null;
}

function normalTime(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : new Date(ms).toISOString();
}

/** Names and values, so that both `supplier` and `Bosch` find `{"supplier": "Bosch"}`. */
function attributeText(item: Item): string {
  return Object.entries(item.attributes)
    .flatMap(([name, value]) => [name, ...(Array.isArray(value) ? value : [value])])
    .filter((value) => value !== null && typeof value !== 'boolean')
    .join(' ');
}
