/**
 * Vector search over one state: the graphs of the generation or an exact scan, whichever is expected to be faster at the
 * filter's selectivity, and the fresh rows always exactly. One synchronous step, so every search sees one state.
 */

import { type Catalog, NO_MODALITY } from '#shared/catalog/catalog.ts';
import type { Filter } from '#shared/catalog/filter.ts';
import { difference, hasItem, type ItemSet, intersection } from '#shared/catalog/item-set.ts';
import { splitModality } from '#shared/catalog/split-modality.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import type { Generation, ModalityGraph } from './generation.ts';
import type { Overlay } from './overlay.ts';
import type { VectorAnswer, VectorHit, VectorQuery } from './vector-index.ts';
import { bestRows, type ScoredRow } from './vector-rows.ts';

export interface IndexState {
  readonly generation: Generation | undefined;
  readonly overlay: Overlay;
}

export interface GraphSearchOptions {
  /** Size of the graph search's candidate list, ef: more finds more and takes longer. At least 2 k is used. */
  readonly ef: number;
  /** Up to this many matching rows of a graph are compared one by one. @default where that is expected to be faster */
  readonly exactRows?: number;
}

export const DEFAULT_GRAPH_SEARCH: GraphSearchOptions = { ef: 96 };

/** Up to this many matching rows are always compared one by one. */
const ALWAYS_EXACT_ROWS = 1000;
/** Of a step of the graph, by `npm run bench -- plan`. These only decide which of two right plans is quicker. */
export const NANOSECONDS_PER_CANDIDATE = 2100;
/** Of one comparison of codes: some more than at that benchmark's 20,000 parts, as caches do not hold a larger index. */
export const nanosecondsPerRow = (dimensions: number): number => 20 + 0.3 * dimensions;
/** Fewer candidates than this share of ef left by the filter: it and the query disagree, and a scan is surer. */
const LEAST_SURVIVING_SHARE = 1 / 3;

export function searchVectors(state: IndexState, query: VectorQuery, options: GraphSearchOptions): VectorAnswer {
  const { fresh, folded, plan } = nearestRows(state, query, options);
  const found: [Catalog, readonly ScoredRow[]][] = [[state.overlay.catalog, fresh]];
  if (state.generation !== undefined) found.push([state.generation.catalog, folded]);
  return { hits: bestHits(found, query.limit), plan };
}

interface NearestRows {
  /** Rows of the overlay and of the generation, the best of each; what is in the answer is among them. */
  readonly fresh: readonly ScoredRow[];
  readonly folded: readonly ScoredRow[];
  readonly plan: VectorAnswer['plan'];
}

/** The search as far as it needs no catalog. */
export function nearestRows(state: IndexState, query: VectorQuery, options: GraphSearchOptions): NearestRows {
  const { generation, overlay } = state;
  const freshRows = overlay.rowsOf(query.filter && overlay.filterItems().matching(query.filter));
  const fresh = bestRows(overlay.vectors, query.vector, freshRows, query.limit, { exact: true });
  if (generation === undefined) return { fresh, folded: [], plan: 'exact' };
  const { rows, plan } = candidateRows(generation, overlay, query, options);
  const compared = { exact: plan === 'exact' }; // what the graph has left out weighs more than an unlikely error
  return { fresh, folded: bestRows(generation.vectors, query.vector, rows, query.limit, compared), plan };
}

/** The best `limit` of the rows of all catalogs; only those that may be among them are looked up. */
function bestHits(found: readonly (readonly [Catalog, readonly ScoredRow[]])[], limit: number): VectorHit[] {
  const scores = found.flatMap(([, rows]) => rows.map(({ score }) => score)).sort((a, b) => b - a);
  const least = scores[limit - 1] ?? Number.NEGATIVE_INFINITY;
  const hits = found.flatMap(([catalog, all]) => {
    const rows = all.filter(({ score }) => score >= least);
    const parts = catalog.hitsOfRows(rows.map(({ row }) => row));
    return rows.map(({ vector, score }, i): VectorHit => ({ ...parts[i]!, vector, score }));
  });
  return hits.sort(compareHits).slice(0, limit);
}

/** Vectors of `count` different rows that may come out, drawn at random; all of them when there are fewer. */
export function sampleVectors(
  { generation, overlay }: IndexState,
  count: number,
  random: () => number,
): Float32Array[] {
  const folded = generation
    ? generation.owners.rowsOf(acceptedItems(generation, overlay, undefined) ?? generation.filterItems.all())
    : [];
  const rows = [...Array.from(overlay.rowsOf(undefined), (row) => -1 - row), ...folded]; // fresh ones as negative numbers
  for (let i = 0; i < Math.min(count, rows.length); i++) {
    const other = i + Math.floor(random() * (rows.length - i)); // Fisher and Yates' shuffle, stopped after `count`
    [rows[i], rows[other]] = [rows[other]!, rows[i]!];
  }
  return rows.slice(0, count).map((row) => {
    const vector = new Float32Array(overlay.vectors.dimensions);
    if (row < 0) overlay.vectors.read(-1 - row, vector);
    else generation!.vectors.read(row, vector);
    return vector;
  });
}

/** Rows of the generation among which the best matching ones are. */
function candidateRows(
  generation: Generation,
  overlay: Overlay,
  query: VectorQuery,
  options: GraphSearchOptions,
): { readonly rows: Int32Array; readonly plan: VectorAnswer['plan'] } {
  const { modalities, rest } = splitModality(query.filter);
  const accepted = acceptedItems(generation, overlay, rest);
  let plan: VectorAnswer['plan'] = 'exact';
  const lists: Int32Array[] = [];
  for (const graph of generation.graphs) {
    if (modalities !== undefined && !modalities.has(graph.description.modality)) continue;
    const items = accepted && itemsOfModality(generation, graph, accepted);
    const walked = query.exact ? undefined : walkGraph(generation, graph, query, options, items);
    if (walked !== undefined) plan = 'graph';
    const all = () => items ?? itemsOfModality(generation, graph, generation.filterItems.all());
    lists.push(walked ?? generation.owners.rowsOf(all()));
  }
  return { rows: lists.length === 1 ? lists[0]! : concatenate(lists), plan };
}

/**
 * The nearest points of one graph that belong to `items`. With a filter of selectivity s the nearest ef / s are asked for, so
 * that about ef are left. Undefined when comparing all matching rows is expected to be faster, or turns out to be surer.
 */
function walkGraph(
  { owners }: Generation,
  { graph, description, projection }: ModalityGraph,
  { vector, limit }: VectorQuery,
  options: GraphSearchOptions,
  items: ItemSet | undefined,
): Int32Array | undefined {
  const ef = Math.max(options.ef, 2 * limit);
  const { points } = description;
  const matches = items === undefined ? points : owners.countOf(items);
  const exactRows = options.exactRows ?? exactLimit(points, ef, vector.length);
  if (matches <= Math.max(limit, exactRows)) return undefined;
  const wanted = Math.min(points, Math.ceil((ef * points) / matches));
  const near = graph.search(projection.point(vector), wanted);
  const rows = items === undefined ? near : near.filter((row) => hasItem(items, owners.itemOf[row]!));
  return rows.length < Math.max(limit, ef * LEAST_SURVIVING_SHARE) ? undefined : rows;
}

/** Matching rows m up to which m comparisons take no longer than ef / (m / points) steps in the graph. */
function exactLimit(points: number, ef: number, dimensions: number): number {
  const comparisons = NANOSECONDS_PER_CANDIDATE / nanosecondsPerRow(dimensions);
  return Math.max(ALWAYS_EXACT_ROWS, Math.sqrt(points * ef * comparisons));
}

function itemsOfModality(generation: Generation, { description }: ModalityGraph, items: ItemSet): ItemSet {
  if (generation.graphs.length === 1) return items;
  const value = description.modality === NO_MODALITY ? null : description.modality;
  const own = generation.filterItems.matching({
    kind: 'compare',
    field: 'modality',
    comparison: { operator: 'equals', value },
  });
  return intersection(items, own);
}

/** The items of the generation that may come out; undefined when all may. */
function acceptedItems(generation: Generation, overlay: Overlay, filter: Filter | undefined): ItemSet | undefined {
  const matching = filter && generation.filterItems.matching(filter);
  if (overlay.hiddenParts === 0) return matching;
  return difference(matching ?? generation.filterItems.all(), overlay.hidden);
}

function concatenate(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

function compareHits(a: VectorHit, b: VectorHit): number {
  return b.score - a.score || compareKeys(a.item.key, b.item.key) || a.ordinal - b.ordinal;
}
