/**
 * Builds the next generation from the last one and deltas, all but its graphs, which can then be built side by side.
 * Synchronous and long: `run-build.ts` runs it in a worker thread. What is removed leaves no bytes behind: rows are zeroed, graph points overwritten, the catalog rewritten.
 */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalog, NO_MODALITY, openCatalogForWriting } from '#shared/catalog/catalog.ts';
import type { Change, Part } from '#shared/catalog/item.ts';
import type { GraphParameters, GraphTask } from './build-graph.ts';
import { type DeltaSpace, decodeDelta } from './delta.ts';
import { deltaDigest } from './live-state.ts';
import { GENERATION_FILES, type GenerationDescription } from './manifest.ts';
import { isNewer, stampOf } from './newest.ts';
import { readMatrix, writeMatrix } from './vector-file.ts';

export interface BuildInput {
  readonly space: DeltaSpace;
  /** The last generation with local paths of its verified files; undefined for the first. */
  readonly previous:
    | { readonly description: GenerationDescription; readonly paths: ReadonlyMap<string, string> }
    | undefined;
  readonly deltas: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** An empty folder for the files. */
  readonly folder: string;
  readonly nowMs: number;
  readonly tombstoneRetentionMs: number;
  /** Rows are packed when more than this share of them is free; see also `GraphTask`. */
  readonly rebuildShare: number;
  readonly graph: GraphParameters;
}

export interface Built {
  /** Names of the files written to the folder. */
  readonly files: readonly string[];
  readonly items: number;
  readonly parts: number;
  readonly vectors: number;
  readonly rows: number;
  readonly tombstones: number;
  readonly graphTasks: readonly GraphTask[];
}

/** @throws ChiasmError `state_corrupt` when a delta is damaged */
export function buildGeneration(input: BuildInput): Built {
  const catalogPath = join(input.folder, GENERATION_FILES.catalog);
  const previousCatalog = input.previous?.paths.get(GENERATION_FILES.catalog);
  if (previousCatalog !== undefined) copyFileSync(previousCatalog, catalogPath);
  const catalog = openCatalogForWriting(catalogPath, { create: previousCatalog === undefined });
  try {
    catalog.execute('BEGIN');
    const changes = newestChanges(input, catalog);
    const removed = removeOld(catalog, changes);
    const forgotten = catalog.forgetTombstones(input.nowMs - input.tombstoneRetentionMs);
    const rows = assignRows(input, catalog, changes, removed);
    catalog.execute('COMMIT');
    const built = writeVectors(input, catalog, rows);
    catalog.tidy({ rewrite: removed.items > 0 || forgotten > 0 });
    return { ...built, ...catalog.sizes(), files: [GENERATION_FILES.catalog, ...built.files] };
  } finally {
    catalog.close();
  }
}

/** For each key the newest change of the deltas, where the last generation has nothing newer. */
function newestChanges({ deltas, space }: BuildInput, catalog: Catalog): Change[] {
  const newest = new Map<string, Change>();
  for (const { name, bytes } of deltas) {
    for (const change of decodeDelta(bytes, deltaDigest(name) ?? '', space, name)) {
      const stamp = stampOf(change);
      const current = newest.get(stamp.key);
      if (isNewer(stamp, current && stampOf(current))) newest.set(stamp.key, change);
    }
  }
  return [...newest.values()].filter((change) => {
    const stamp = stampOf(change);
    return isNewer(stamp, catalog.latest(stamp.key));
  });
}

interface Removed {
  readonly items: number;
  readonly rows: readonly RemovedRow[];
}

interface RemovedRow {
  readonly row: number;
  readonly modality: string;
}

function removeOld(catalog: Catalog, changes: readonly Change[]): Removed {
  const rows: RemovedRow[] = [];
  let items = 0;
  for (const change of changes) {
    const head = catalog.head(stampOf(change).key);
    if (head === undefined) continue;
    const modality = head.modality ?? NO_MODALITY;
    rows.push(...catalog.remove(head.id).map((row) => ({ row, modality })));
    items++;
  }
  return { items, rows };
}

interface AssignedRows {
  /** New vectors by row. */
  readonly added: ReadonlyMap<number, Float32Array>;
  /** Rows that held a vector in the last generation and hold none now, or another one. */
  readonly removed: readonly RemovedRow[];
  readonly count: number;
}

/** Inserts what is new. Free rows are used first, then the matrix grows. */
function assignRows(input: BuildInput, catalog: Catalog, changes: readonly Change[], removed: Removed): AssignedRows {
  let count = input.previous?.description.rows ?? 0;
  const free = freeRows(catalog, count);
  const added = new Map<number, Float32Array>();
  const withRow = ({ vector, ...part }: Part) => {
    if (vector === undefined) return part;
    const row = free.pop() ?? count++;
    added.set(row, vector);
    return { ...part, row };
  };
  for (const change of changes) {
    if (change.operation === 'delete') catalog.bury(change.key, change.sequencer, input.nowMs);
    else catalog.insert(change.item, change.parts.map(withRow));
  }
  return { added, removed: removed.rows, count };
}

/** In descending order, so that the smallest is taken first. */
function freeRows(catalog: Catalog, count: number): number[] {
  const owners = catalog.itemsOfRows(count);
  const free: number[] = [];
  for (let row = count - 1; row >= 0; row--) if (owners[row] === 0) free.push(row);
  return free;
}

/** Writes `vectors.f32`; what is left to do is one graph for each modality. */
function writeVectors(input: BuildInput, catalog: Catalog, assigned: AssignedRows) {
  const { previous, space, folder } = input;
  const vectors = new Float32Array(assigned.count * space.dimensions);
  const previousVectors = previous?.paths.get(GENERATION_FILES.vectors);
  if (previousVectors !== undefined) readMatrix(previousVectors, vectors);
  for (const { row } of assigned.removed) vectors.fill(0, row * space.dimensions, (row + 1) * space.dimensions);
  for (const [row, vector] of assigned.added) vectors.set(vector, row * space.dimensions);

  const free = assigned.count - catalog.sizes().vectors;
  const packed = free > input.rebuildShare * assigned.count;
  const rows = packed ? packRows(catalog, vectors, space.dimensions) : assigned.count;
  if (rows === 0) return { files: [], rows, graphTasks: [] };
  writeMatrix(join(folder, GENERATION_FILES.vectors), vectors.subarray(0, rows * space.dimensions));
  return { files: [GENERATION_FILES.vectors], rows, graphTasks: graphTasks(input, catalog, assigned, packed) };
}

function graphTasks(input: BuildInput, catalog: Catalog, assigned: AssignedRows, packed: boolean): GraphTask[] {
  const { previous, space, folder, graph, rebuildShare } = input;
  return [...catalog.rowsByModality()].map(([modality, rows]): GraphTask => {
    const description = previous?.description.graphs.find((other) => other.modality === modality);
    const removed = assigned.removed.filter((old) => old.modality === modality).map(({ row }) => row);
    const keepsRows = previous !== undefined && description !== undefined && !packed;
    return {
      modality,
      dimensions: space.dimensions,
      parameters: graph,
      vectorsPath: join(folder, GENERATION_FILES.vectors),
      folder,
      rows,
      previous: keepsRows
        ? {
            description,
            paths: previous.paths,
            added: rows.filter((row) => assigned.added.has(row)),
            removed: Int32Array.from(removed),
          }
        : undefined,
      rebuildShare,
    };
  });
}

/** Moves vectors and their row numbers together so that no row is free. Returns the number of rows. */
function packRows(catalog: Catalog, vectors: Float32Array, dimensions: number): number {
  const used = catalog.usedRows();
  catalog.execute('BEGIN');
  used.forEach((row, i) => {
    if (row === i) return;
    vectors.copyWithin(i * dimensions, row * dimensions, (row + 1) * dimensions);
    catalog.moveRow(row, i); // rows ascend and i <= row, so i is free
  });
  catalog.execute('COMMIT');
  return used.length;
}
