/**
 * A delta: one immutable batch of changes as an Arrow IPC file, one row for each part. An item's JSON stands in its first
 * row; an item without parts has one row with a null ordinal; a tombstone has neither. Any Arrow reader opens it.
 */

import { createHash } from 'node:crypto';
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import type { Change, Item, Part, PartRange } from '#shared/catalog/item.ts';
import { ChiasmError } from '#shared/core/errors.ts';

const FORMAT = 'chiasm-delta-1';

export interface DeltaSpace {
  readonly id: string;
  readonly dimensions: number;
}

/** What one change takes of a delta, about. For keeping deltas below a bound before they are made. */
export function changeSizeBytes(change: Change, dimensions: number): number {
  if (change.operation === 'delete') return change.key.length * 3 + 64;
  const text = change.parts.reduce((sum, part) => sum + (part.text?.length ?? 0) * 3, 0);
  return (
    JSON.stringify(change.item).length + text + change.parts.length * (dimensions * 4 + change.item.key.length + 64)
  );
}

/** The bytes of the Arrow IPC file, and their SHA-256 in hexadecimal. */
export function encodeDelta(changes: readonly Change[], space: DeltaSpace): { bytes: Uint8Array; digest: string } {
  const rows = changes.flatMap(rowsOf);
  const column = <T>(read: (row: DeltaRow) => T | null) => rows.map(read);
  const columns: Record<string, Data> = {
    operation: dataOf(
      vectorFromArray(
        column((row) => row.operation),
        new Utf8(),
      ),
    ),
    key: dataOf(
      vectorFromArray(
        column((row) => row.key),
        new Utf8(),
      ),
    ),
    sequencer: dataOf(
      vectorFromArray(
        column((row) => row.sequencer),
        new Utf8(),
      ),
    ),
    item: dataOf(
      vectorFromArray(
        column((row) => row.item ?? null),
        new Utf8(),
      ),
    ),
    ordinal: dataOf(
      vectorFromArray(
        column((row) => row.ordinal ?? null),
        new Int32(),
      ),
    ),
    start_seconds: dataOf(
      vectorFromArray(
        column((row) => rangeField(row, 'startSeconds')),
        new Float64(),
      ),
    ),
    end_seconds: dataOf(
      vectorFromArray(
        column((row) => rangeField(row, 'endSeconds')),
        new Float64(),
      ),
    ),
    start_char: dataOf(
      vectorFromArray(
        column((row) => rangeField(row, 'startChar')),
        new Int32(),
      ),
    ),
    end_char: dataOf(
      vectorFromArray(
        column((row) => rangeField(row, 'endChar')),
        new Int32(),
      ),
    ),
    text: dataOf(
      vectorFromArray(
        column((row) => row.part?.text ?? null),
        new Utf8(),
      ),
    ),
    vector: vectorData(rows, space.dimensions),
  };
  const fields = Object.entries(columns).map(([name, data]) => new Field(name, data.type, true));
  const metadata = new Map([
    ['format', FORMAT],
    ['space', space.id],
    ['dimensions', String(space.dimensions)],
  ]);
  const schema = new Schema(fields, metadata);
  const struct = makeData({ type: new Struct(fields), length: rows.length, children: Object.values(columns) });
  const bytes = tableToIPC(new Table(schema, [new RecordBatch(schema, struct)]), 'file');
  return { bytes, digest: sha256(bytes) };
}

/**
 * The changes of a delta; their vectors are views of `bytes`.
 * @throws ChiasmError `state_corrupt` when the bytes are not what `digest` promises, or belong to another space
 */
export function decodeDelta(bytes: Uint8Array, digest: string, space: DeltaSpace, name: string): Change[] {
  const actual = sha256(bytes);
  if (actual !== digest) {
    throw new ChiasmError(
      'state_corrupt',
      `delta ${name} is damaged: expected SHA-256 ${digest}, its ${bytes.byteLength} bytes have ${actual}; ` +
        'restore it from a backup, or remove it and reconcile the index with the media store',
    );
  }
  const table = tableFromIPC(bytes);
  const { metadata } = table.schema;
  const found = `${metadata.get('format')} of space ${metadata.get('space')} with ${metadata.get('dimensions')} dimensions`;
  const expected = `${FORMAT} of space ${space.id} with ${space.dimensions} dimensions`;
  if (found !== expected) {
    throw new ChiasmError('state_corrupt', `delta ${name}: expected ${expected}, got ${found}`);
  }
  return changesOf(table, space.dimensions);
}

/** The space that a delta says it belongs to. @throws ChiasmError `state_corrupt` when it is no delta */
export function readDeltaSpace(bytes: Uint8Array, name: string): DeltaSpace {
  try {
    const { metadata } = tableFromIPC(bytes).schema;
    const [id, dimensions] = [metadata.get('space'), Number(metadata.get('dimensions'))];
    if (metadata.get('format') === FORMAT && id !== undefined && dimensions > 0) return { id, dimensions };
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `delta ${name} is damaged: expected an Arrow file`, { cause });
  }
  throw new ChiasmError('state_corrupt', `delta ${name} is no delta of the format ${FORMAT}`);
}

interface DeltaRow {
  readonly operation: Change['operation'];
  readonly key: string;
  readonly sequencer: string;
  readonly item?: string;
  readonly ordinal?: number;
  readonly part?: Part;
}

function rowsOf(change: Change): DeltaRow[] {
  if (change.operation === 'delete') return [change];
  const { key, sequencer } = change.item;
  const item = JSON.stringify(change.item);
  const row = { operation: change.operation, key, sequencer } as const;
  if (change.parts.length === 0) return [{ ...row, item }];
  return change.parts.map((part, ordinal) => ({ ...row, ordinal, part, ...(ordinal === 0 ? { item } : {}) }));
}

function rangeField(row: DeltaRow, name: 'startSeconds' | 'endSeconds' | 'startChar' | 'endChar'): number | null {
  const range = row.part?.range as Readonly<Record<string, number>> | null | undefined;
  return range?.[name] ?? null;
}

function dataOf(vector: { readonly data: readonly Data[] }): Data {
  return vector.data[0]!;
}

/** FixedSizeList<Float32>[D]: one contiguous matrix, and a bitmap of the rows that have a vector. */
function vectorData(rows: readonly DeltaRow[], dimensions: number): Data {
  const values = new Float32Array(rows.length * dimensions);
  const nullBitmap = new Uint8Array(Math.ceil(rows.length / 8));
  let nullCount = 0;
  rows.forEach(({ part }, i) => {
    if (part?.vector === undefined) nullCount++;
    else {
      values.set(part.vector, i * dimensions);
      nullBitmap[i >> 3]! |= 1 << (i & 7);
    }
  });
  const child = makeData({ type: new Float32(), length: values.length, nullCount: 0, data: values });
  const type = new FixedSizeList(dimensions, new Field('item', new Float32(), false));
  return makeData({ type, length: rows.length, nullCount, nullBitmap, child });
}

function changesOf(table: Table, dimensions: number): Change[] {
  const columns = {
    operation: table.getChild('operation')!,
    key: table.getChild('key')!,
    sequencer: table.getChild('sequencer')!,
    item: table.getChild('item')!,
    ordinal: table.getChild('ordinal')!,
    text: table.getChild('text')!,
    vector: table.getChild('vector')!,
  };
  const values: Float32Array = columns.vector.data[0]?.children[0]?.values ?? new Float32Array();
  const rangeOf = rangeReader(table);
  const changes: Change[] = [];
  let parts: Part[] = [];
  for (let i = 0; i < table.numRows; i++) {
    if (columns.operation.get(i) === 'delete') {
      changes.push({ operation: 'delete', key: columns.key.get(i), sequencer: columns.sequencer.get(i) });
      continue;
    }
    const json: string | null = columns.item.get(i);
    if (json !== null) {
      parts = [];
      changes.push({ operation: 'put', item: JSON.parse(json) as Item, parts }); // written by encodeDelta, digest verified
    }
    if (columns.ordinal.get(i) === null) continue;
    const text: string | null = columns.text.get(i);
    parts.push({
      range: rangeOf(i),
      ...(text === null ? {} : { text }),
      ...(columns.vector.isValid(i) ? { vector: values.subarray(i * dimensions, (i + 1) * dimensions) } : {}),
    });
  }
  return changes;
}

function rangeReader(table: Table): (i: number) => PartRange | null {
  const [startSeconds, endSeconds, startChar, endChar] = ['start_seconds', 'end_seconds', 'start_char', 'end_char'].map(
    (name) => table.getChild(name)!,
  );
  return (i) => {
    if (startSeconds!.get(i) !== null) return { startSeconds: startSeconds!.get(i), endSeconds: endSeconds!.get(i) };
    if (startChar!.get(i) !== null) return { startChar: startChar!.get(i), endChar: endChar!.get(i) };
    return null;
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
