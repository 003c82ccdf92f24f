/**
 * Building and changing the HNSW graph (hnswlib) of one modality. Labels are row numbers, points are the rows of
 * `vectors.f32`, projected where that keeps the neighbours. Synchronous, for a worker thread.
 */

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import hnswlib from 'hnswlib-node';
import { dot } from '#shared/core/vector.ts';
import { createFloatRows } from './float-rows.ts';
import { type GraphDescription, graphFile, projectionFile } from './manifest.ts';
import { principalDirections, TRIAL_ROWS } from './principal-directions.ts';
import { openMatrix, writeMatrix } from './vector-file.ts';

export interface GraphParameters {
  /** Links of a point; twice as many on the lowest layer. */
  readonly m: number;
  readonly efConstruction: number;
  readonly seed: number;
}

export interface GraphTask {
  readonly modality: string;
  readonly dimensions: number;
  readonly parameters: GraphParameters;
  /** Of all vectors [rows, D]. */
  readonly vectorsPath: string;
  /** Where the graph is written. */
  readonly folder: string;
  /** All rows of the modality. */
  readonly rows: Int32Array;
  /** The last graph and what became different; undefined when there is none to go on from. */
  readonly previous:
    | {
        readonly description: GraphDescription;
        /** Local path by file name. */
        readonly paths: ReadonlyMap<string, string>;
        /** Rows with a new vector. */
        readonly added: Int32Array;
        /** Rows whose vector is gone, those among them that have a new one included. */
        readonly removed: Int32Array;
      }
    | undefined;
  /** Built anew when more than this share of its points were moved or deleted since it last was. */
  readonly rebuildShare: number;
}

export interface GraphOutput {
  readonly description: GraphDescription;
  readonly files: readonly string[];
  readonly rebuilt: boolean;
}

/** A graph that has grown by this factor is built anew when fewer points than are wanted had chosen its directions. */
const GROWTH_TO_REBUILD = 4;
/** So is one whose new points leave this much more of their length outside of its directions than the old ones did. */
const RESIDUAL_GROWTH = 1.5;
const RESIDUAL_TOLERANCE = 0.02;

export function makeGraph(task: GraphTask): GraphOutput {
  const vectors = openMatrix(task.vectorsPath, task.dimensions);
  try {
    return updateGraph(task, vectors.read) ?? buildGraph(task, vectors.read);
  } finally {
    vectors.close();
  }
}

type ReadRow = (row: number) => Float32Array;

function buildGraph({ modality, dimensions, parameters, folder, rows }: GraphTask, read: ReadRow): GraphOutput {
  const directions = principalDirections(rows.length, dimensions, (i) => read(rows[i]!));
  const project = createProjection(directions, dimensions);
  const graph = new hnswlib.HierarchicalNSW('ip', project.dimensions);
  graph.initIndex(rows.length, parameters.m, parameters.efConstruction, parameters.seed);
  let residual = 0;
  for (const row of rows) {
    const point = project.point(read(row));
    graph.addPoint(Array.from(point), row);
    residual += (1 - dot(point, point)) / rows.length;
  }
  graph.writeIndexSync(join(folder, graphFile(modality)));
  if (directions !== undefined) writeMatrix(join(folder, projectionFile(modality)), directions);
  return {
    description: {
      modality,
      dimensions: project.dimensions,
      points: rows.length,
      pointsWhenBuilt: rows.length,
      changes: 0,
      residual: Math.max(0, residual),
    },
    files: directions === undefined ? [graphFile(modality)] : [graphFile(modality), projectionFile(modality)],
    rebuilt: true,
  };
}

/**
 * The last graph with added and removed rows; undefined when it is to be built anew. hnswlib's own deletion is a mark that
 * keeps the vector; so a removed point is first moved to the origin, which also mends the links of its neighbours.
 */
function updateGraph(
  { modality, dimensions, folder, rows, previous, rebuildShare }: GraphTask,
  read: ReadRow,
): GraphOutput | undefined {
  if (previous === undefined) return undefined;
  const { description, paths, added, removed } = previous;
  const changes = description.changes + removed.length;
  const { pointsWhenBuilt } = description;
  const outgrown = pointsWhenBuilt < TRIAL_ROWS && rows.length > GROWTH_TO_REBUILD * pointsWhenBuilt;
  if (changes > rebuildShare * (rows.length + removed.length) || outgrown) return undefined;
  const projectionPath = paths.get(projectionFile(modality));
  const project = createProjection(projectionPath === undefined ? undefined : readFloats(projectionPath), dimensions);
  const points = new Map<number, Float32Array>();
  let residual = 0;
  for (const row of added) {
    const point = project.point(read(row));
    points.set(row, point);
    residual += (1 - dot(point, point)) / added.length;
  }
  if (residual > RESIDUAL_GROWTH * description.residual + RESIDUAL_TOLERANCE) return undefined;

  const target = join(folder, graphFile(modality));
  if (projectionPath !== undefined) copyFileSync(projectionPath, join(folder, projectionFile(modality)));
  const files = projectionPath === undefined ? [graphFile(modality)] : [graphFile(modality), projectionFile(modality)];
  const next = { ...description, points: rows.length, changes };
  if (added.length === 0 && removed.length === 0) {
    copyFileSync(paths.get(graphFile(modality))!, target);
    return { description: next, files, rebuilt: false };
  }
  const graph = new hnswlib.HierarchicalNSW('ip', project.dimensions);
  graph.readIndexSync(paths.get(graphFile(modality))!);
  graph.resizeIndex(graph.getCurrentCount() + points.size);
  for (const [row, point] of points) graph.addPoint(Array.from(point), row);
  const origin = new Array<number>(project.dimensions).fill(0);
  for (const row of removed) {
    if (points.has(row)) continue;
    graph.addPoint(origin, row);
    graph.markDelete(row);
  }
  graph.writeIndexSync(target);
  return { description: next, files, rebuilt: false };
}

export interface Projection {
  /** Of a point in the graph. */
  readonly dimensions: number;
  point(vector: Float32Array): Float32Array;
}

/** x to P x with P [d, D]; without `directions` x stays as it is. */
export function createProjection(directions: Float32Array | undefined, dimensions: number): Projection {
  if (directions === undefined) return { dimensions, point: (vector) => vector };
  const rows = createFloatRows(dimensions, directions.length / dimensions);
  for (let at = 0; at < directions.length; at += dimensions) rows.add(directions.subarray(at, at + dimensions));
  return { dimensions: rows.rows, point: rows.products };
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
