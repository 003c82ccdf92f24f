/** Building and changing the HNSW graph (hnswlib). Labels are row numbers. Synchronous, for the worker thread. */

import hnswlib from 'hnswlib-node';
import { row } from '#shared/core/vector.ts';

export interface GraphParameters {
  /** Links of a point; twice as many on the lowest layer. */
  readonly m: number;
  readonly efConstruction: number;
  readonly seed: number;
}

/** A graph of all rows of `vectors` [rows, D], written to `path`. */
export function buildGraph(vectors: Float32Array, dimensions: number, parameters: GraphParameters, path: string): void {
  const rows = vectors.length / dimensions;
  const graph = new hnswlib.HierarchicalNSW('ip', dimensions);
  graph.initIndex(rows, parameters.m, parameters.efConstruction, parameters.seed);
  for (let i = 0; i < rows; i++) graph.addPoint(Array.from(row(vectors, dimensions, i)), i);
  graph.writeIndexSync(path);
}

/**
 * The graph at `previous` with added and removed rows, written to `path`. hnswlib's own deletion is a mark that keeps the
 * vector; so a removed point is first moved to the origin, which also mends the links of its neighbours, and then marked.
 */
export function updateGraph(
  previous: string,
  vectors: Float32Array,
  dimensions: number,
  { added, removed }: { readonly added: ReadonlyMap<number, Float32Array>; readonly removed: readonly number[] },
  path: string,
): void {
  const graph = new hnswlib.HierarchicalNSW('ip', dimensions);
  graph.readIndexSync(previous);
  graph.resizeIndex(Math.max(vectors.length / dimensions, graph.getCurrentCount()));
  for (const [label, vector] of added) graph.addPoint(Array.from(vector), label);
  const origin = new Array<number>(dimensions).fill(0);
  for (const label of removed) {
    if (added.has(label)) continue;
    graph.addPoint(origin, label);
    graph.markDelete(label);
  }
  graph.writeIndexSync(path);
}
