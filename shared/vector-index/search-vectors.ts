/**
 * Vector search over one state: the generation by graph or by exact scan, whichever is expected to be faster at the
 * filter's selectivity, and the fresh rows always exactly. One synchronous step, so every search sees one state.
 */

import type { Filter } from '#shared/catalog/filter.ts';
import { difference, hasItem, type ItemSet } from '#shared/catalog/item-set.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { dot, row } from '#shared/core/vector.ts';
import type { Generation } from './generation.ts';
import type { Overlay } from './overlay.ts';
import { createTopRows, offerRow, rowsOfItems, scanRows, type TopRows } from './top-rows.ts';
import type { VectorAnswer, VectorHit, VectorQuery } from './vector-index.ts';

export interface IndexState {
  readonly generation: Generation | undefined;
  readonly overlay: Overlay;
}

export interface GraphSearchOptions {
  /** Size of the graph search's candidate list, ef: more finds more and takes longer. At least k is used. */
  readonly ef: number;
}

export const DEFAULT_GRAPH_SEARCH: GraphSearchOptions = { ef: 96 };

/** Up to this many matching rows are always compared one by one. */
const ALWAYS_EXACT_ROWS = 1000;
/**
 * Cost of the graph with a filter, in exact comparisons: to keep ef matching candidates it walks about ef / selectivity
 * rows. Measured on 30,000 x 256: 3.5 us a candidate (with the filter's callback) against 0.65 us a comparison
 * (npm run bench -- index).
 */
const COMPARISONS_PER_CANDIDATE = 5;

export function searchVectors(
  { generation, overlay }: IndexState,
  query: VectorQuery,
  options: GraphSearchOptions,
): VectorAnswer {
  const fresh = createTopRows(Math.min(query.limit, overlay.rows));
  const accepted = query.filter && overlay.filterItems().matching(query.filter);
  scanRows(fresh, query.vector, overlay.vectors, rowsOfItems(overlay.owners, overlay.rows, accepted));
  const folded = createTopRows(Math.min(query.limit, generation?.description.rows ?? 0));
  const plan = generation === undefined ? 'exact' : searchGeneration(folded, generation, overlay, query, options);
  const found = [...rowsOf(fresh, overlay), ...(generation ? rowsOf(folded, generation) : [])];
  const best = found.sort((a, b) => b.score - a.score).slice(0, query.limit);
  const hits = best.map(
    ({ segment, row: at, score }): VectorHit => ({
      ...segment.catalog.hitOfRow(at),
      vector: row(segment.vectors, query.vector.length, at),
      score,
    }),
  );
  return { hits: hits.sort(compareHits), plan };
}

/** Vectors of `count` different rows that may come out, drawn at random; all of them when there are fewer. */
export function sampleVectors(
  { generation, overlay }: IndexState,
  dimensions: number,
  count: number,
  random: () => number,
): Float32Array[] {
  const fresh = rowsOfItems(overlay.owners, overlay.rows, undefined);
  const folded = generation
    ? rowsOfItems(generation.owners, generation.description.rows, acceptedItems(generation, overlay, undefined))
    : [];
  const rows = [...fresh.map((i) => -1 - i), ...folded]; // fresh rows as negative numbers
  for (let i = 0; i < Math.min(count, rows.length); i++) {
    const other = i + Math.floor(random() * (rows.length - i)); // Fisher and Yates' shuffle, stopped after `count`
    [rows[i], rows[other]] = [rows[other]!, rows[i]!];
  }
  const vectorAt = (i: number) =>
    i < 0 ? row(overlay.vectors, dimensions, -1 - i) : row(generation!.vectors, dimensions, i);
  return rows.slice(0, count).map((i) => vectorAt(i).slice());
}

function searchGeneration(
  top: TopRows,
  generation: Generation,
  overlay: Overlay,
  query: VectorQuery,
  options: GraphSearchOptions,
): VectorAnswer['plan'] {
  const { graph, owners, vectors } = generation;
  if (graph === undefined) return 'exact';
  const { rows } = generation.description;
  const accepted = acceptedItems(generation, overlay, query.filter);
  const matching = query.filter && rowsOfItems(owners, rows, accepted);
  const matches = matching?.length ?? generation.description.vectors - overlay.hiddenRows;
  const scan = () => scanRows(top, query.vector, vectors, matching ?? rowsOfItems(owners, rows, accepted));
  const ef = Math.max(options.ef, query.limit);
  if (query.exact || matches <= query.limit || matches <= exactLimit(rows, ef)) {
    scan();
    return 'exact';
  }
  graph.setEf(ef);
  const accept = accepted && ((row: number) => hasItem(accepted, owners[row]!));
  const found = graph.searchKnn(Array.from(query.vector), query.limit, accept);
  if (found.neighbors.length < query.limit) {
    scan(); // part of the graph was out of reach: the answer must still be full
    return 'exact';
  }
  // hnswlib sums in another order; the score of a row must not depend on the plan
  for (const row of found.neighbors) {
    offerRow(top, row, dot(query.vector, vectors, query.vector.length, 0, row * query.vector.length));
  }
  return 'graph';
}

/** Matching rows m below which m comparisons cost less than the graph, ef / (m / rows) x COMPARISONS_PER_CANDIDATE. */
function exactLimit(rows: number, ef: number): number {
  return Math.max(ALWAYS_EXACT_ROWS, Math.sqrt(rows * ef * COMPARISONS_PER_CANDIDATE));
}

/** The items of the generation that may come out; undefined when all may. */
function acceptedItems(generation: Generation, overlay: Overlay, filter: Filter | undefined): ItemSet | undefined {
  const matching = filter && generation.filterItems.matching(filter);
  if (overlay.hiddenParts === 0) return matching;
  return difference(matching ?? generation.filterItems.all(), overlay.hidden);
}

function rowsOf(top: TopRows, segment: Pick<Generation, 'catalog' | 'vectors'>) {
  return Array.from({ length: top.size }, (_, i) => ({ segment, row: top.rows[i]!, score: top.scores[i]! }));
}

function compareHits(a: VectorHit, b: VectorHit): number {
  return b.score - a.score || compareKeys(a.item.key, b.item.key) || a.ordinal - b.ordinal;
}
