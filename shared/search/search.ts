/**
 * Search: a request in, ranked items out. Terms become one vector, the index gives candidates by vector and by words,
 * `rankCandidates` makes one list of items, and the calibration of the space says how probable each match is.
 */

import type { Filter } from '#shared/catalog/filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot } from '#shared/core/vector.ts';
import type { ContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { Calibration } from '#shared/encoders/space.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { LexicalHit, VectorHit, VectorIndex } from '#shared/vector-index/vector-index.ts';
import { queryCalibration } from './calibrate.ts';
import { decodeCursor, encodeCursor, MAX_RESULTS_DEEP, queryDigest } from './cursor.ts';
import { embedQuery, type QueryEmbedding } from './embed-query.ts';
import { createMatchProbability, type MatchProbability } from './match-probability.ts';
import type { QueryTerm, SearchAnswer, SearchRequest, SearchResult } from './query.ts';
import { type Candidate, FUSION_DEPTH, orderParts, rankCandidates, reaches } from './rank-candidates.ts';

export interface SearchDependencies {
  readonly index: Pick<VectorIndex, 'searchVectors' | 'searchText' | 'item' | 'statistics'>;
  readonly encoder: Pick<Encoder, 'space' | 'modalities'>;
  readonly embedder: ContentEmbedder;
  readonly mediaStore: Pick<ObjectStore, 'get'>;
}

export interface Search {
  /** @throws ChiasmError for a request that cannot be answered: unknown key, foreign cursor, terms that cancel out */
  search(request: SearchRequest): Promise<SearchAnswer>;
}

/** Parts fetched per list. The next step is taken only when too few items came of the one before. */
const DEPTHS = [FUSION_DEPTH, 400, 1_600, 6_400] as const;
/** Characters of a passage that stand in for a snippet when no words matched. */
const SNIPPET_CHARACTERS = 240;

export function createSearch(deps: SearchDependencies): Search {
  return {
    async search(request) {
      const startedAt = performance.now();
      const digest = queryDigest(request);
      const offset = request.cursor === undefined ? 0 : decodeCursor(request.cursor, digest);
      const words = lexicalText(request);
      const embedding = await embedWhatIsNeeded(deps, request);
      const encodedAt = performance.now();

      const plan = planQuery(deps, request, embedding);
      const { kept, leftOut } = await findCandidates(deps, request, plan, words, offset + request.limit + 1);
      const page = kept.slice(offset, offset + request.limit);
      const results: SearchResult[] = [];
      for (const candidate of page) results.push(await toResult(deps, plan, candidate));

      const nextOffset = offset + request.limit;
      const more = kept.length > nextOffset && nextOffset <= MAX_RESULTS_DEEP;
      const { generation, items, freshParts } = deps.index.statistics();
      const finishedAt = performance.now();
      return {
        results,
        belowThreshold: Math.min(leftOut, request.limit - results.length),
        ...(more ? { nextCursor: encodeCursor(digest, nextOffset) } : {}),
        index: { generation, items, fresh: freshParts },
        tookMs: { encode: encodedAt - startedAt, search: finishedAt - encodedAt, total: finishedAt - startedAt },
      };
    },
  };
}

/** What must occur literally: the text terms of positive weight. Undefined when words are not asked for. */
function lexicalText(request: SearchRequest): string | undefined {
  if (request.mode === 'vector') return undefined;
  const texts = request.terms.filter(isPositiveText).map((term) => term.text);
  if (texts.length > 0) return texts.join(' ');
  if (request.mode === 'hybrid') return undefined;
  throw new ChiasmError('invalid_request', 'mode "lexical" searches words and needs a text term of positive weight', {
    issues: [{ path: '/query', message: 'add a text term of positive weight, or use mode "vector"' }],
  });
}

/** Words alone can be searched without a text tower; results then carry no score. */
async function embedWhatIsNeeded(
  deps: SearchDependencies,
  request: SearchRequest,
): Promise<QueryEmbedding | undefined> {
  const terms = request.mode === 'lexical' ? request.terms.filter(isPositiveText) : request.terms;
  const wordsOnly = request.mode !== 'vector' && terms.every(isPositiveText);
  if (wordsOnly && !deps.encoder.modalities.has('text')) return undefined;
  return embedQuery(deps, terms);
}

interface QueryPlan {
  readonly vector: Float32Array | undefined;
  readonly probabilityOf: MatchProbability | undefined;
  /** One vector search each; lists of several are merged by match logit. */
  readonly filters: readonly (Filter | undefined)[];
  readonly calibrations: ReadonlyMap<Modality, Calibration> | undefined;
  readonly filter: Filter | undefined;
}

/**
 * Cosines of different modality pairs do not compare: passages of text lie nearer to a typed query than any picture.
 * So each modality in question is searched by itself and the lists are merged by calibrated logit. With one modality, or
 * without a calibration for each, it is one search in the order of cosines.
 */
function planQuery(deps: SearchDependencies, request: SearchRequest, embedding: QueryEmbedding | undefined): QueryPlan {
  const present = new Set<Modality>();
  for (const { modality, status, items } of deps.index.statistics().counts) {
    const embedded = modality !== undefined && deps.encoder.modalities.has(modality); // others are found by words only
    if (embedded && status === 'indexed' && items > 0) present.add(modality);
  }
  const wanted = request.modalities && new Set(request.modalities);
  const searched = [...present].filter((modality) => wanted?.has(modality) ?? true);
  const filter = wanted ? both(modalityFilter([...wanted]), request.filter) : request.filter;

  const calibrations = new Map<Modality, Calibration>();
  for (const modality of searched) {
    const calibration = embedding && queryCalibration(deps.encoder.space, embedding.terms, modality);
    if (calibration !== undefined) calibrations.set(modality, calibration);
  }
  const probabilityOf = embedding && createMatchProbability(deps.encoder.space, embedding);
  const plan = { vector: embedding?.vector, probabilityOf, filter };
  if (searched.length < 2 || calibrations.size < searched.length) {
    const narrowed = searched.length < present.size ? filter : request.filter;
    return { ...plan, filters: [narrowed], calibrations: undefined };
  }
  const filters = searched.map((modality) => both(modalityFilter([modality]), request.filter));
  return { ...plan, filters, calibrations };
}

interface Found {
  readonly kept: readonly Candidate[];
  readonly leftOut: number;
}

/** Candidates until `wanted` items are kept or there are no more; `leftOut` counts those under `minProbability`. */
async function findCandidates(
  deps: SearchDependencies,
  request: SearchRequest,
  plan: QueryPlan,
  words: string | undefined,
  wanted: number,
): Promise<Found> {
  const lexicalOnly = request.mode === 'lexical';
  const keeps = (candidate: Candidate) => reaches(candidate, request.minProbability, plan.probabilityOf);
  let found: Found = { kept: [], leftOut: 0 };
  for (const depth of DEPTHS) {
    if (depth < Math.min(wanted, DEPTHS.at(-1)!)) continue;
    const vectorLists = lexicalOnly ? [] : await vectorCandidates(deps, plan, depth);
    const lexical =
      words === undefined ? [] : await lexicalCandidates(deps, plan, words, lexicalOnly ? depth : FUSION_DEPTH);
    const ranked = rankCandidates(orderParts(vectorLists.flat(), plan.calibrations), lexical);
    const kept = ranked.filter(keeps);
    found = { kept, leftOut: ranked.length - kept.length };
    const goesOn = lexicalOnly
      ? lexical.length >= depth
      : vectorLists.some((hits) => hits.length >= depth && keeps(vectorCandidate(hits.at(-1)!)));
    if (kept.length >= wanted || !goesOn) break;
  }
  return found;
}

async function vectorCandidates(
  deps: SearchDependencies,
  plan: QueryPlan,
  limit: number,
): Promise<readonly (readonly VectorHit[])[]> {
  const { vector } = plan;
  if (vector === undefined) return [];
  const answers = await Promise.all(
    plan.filters.map((filter) => deps.index.searchVectors({ vector, limit, ...(filter ? { filter } : {}) })),
  );
  return answers.map((answer) => answer.hits);
}

function lexicalCandidates(
  deps: SearchDependencies,
  plan: QueryPlan,
  text: string,
  limit: number,
): Promise<readonly LexicalHit[]> {
  return deps.index.searchText({ text, limit, ...(plan.filter ? { filter: plan.filter } : {}) });
}

/** Completes a candidate: the stored vector where only the words found it, then cosine and probability. */
async function toResult(deps: SearchDependencies, plan: QueryPlan, candidate: Candidate): Promise<SearchResult> {
  const { best, matched } = candidate;
  const { item } = best;
  const vector = candidate.vector ?? (plan.vector && (await storedVector(deps, plan.vector, item.key, best.ordinal)));
  const score = candidate.score ?? (plan.vector && vector && dot(plan.vector, vector));
  const snippet = candidate.snippet ?? best.text?.slice(0, SNIPPET_CHARACTERS);
  return {
    key: item.key,
    modality: item.modality,
    score,
    probability: item.modality && vector && plan.probabilityOf?.(item.modality, vector),
    matched,
    part: best.range,
    attributes: item.attributes,
    ...(snippet === undefined ? {} : { snippet }),
    item,
  };
}

/** Of the part that the words are in; of the item's nearest part when that one has no vector. */
async function storedVector(
  deps: SearchDependencies,
  query: Float32Array,
  key: string,
  ordinal: number,
): Promise<Float32Array | undefined> {
  const parts = (await deps.index.item(key))?.parts ?? [];
  const own = parts[ordinal]?.vector;
  if (own !== undefined) return own;
  const vectors = parts.flatMap((part) => (part.vector === undefined ? [] : [part.vector]));
  return vectors.sort((a, b) => dot(query, b) - dot(query, a))[0];
}

function isPositiveText(term: QueryTerm): term is Extract<QueryTerm, { kind: 'text' }> {
  return term.kind === 'text' && term.weight > 0;
}

function vectorCandidate(hit: VectorHit): Candidate {
  return { best: hit, score: hit.score, vector: hit.vector, matched: 'vector' };
}

function modalityFilter(modalities: readonly Modality[]): Filter {
  return { kind: 'compare', field: 'modality', comparison: { operator: 'in', values: modalities } };
}

function both(a: Filter, b: Filter | undefined): Filter {
  return b === undefined ? a : { kind: 'and', filters: [a, b] };
}
