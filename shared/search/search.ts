/**
 * Search: a request in, ranked items out. Terms become one vector in each space, the indexes give candidates by vector and
 * by words, `rankCandidates` makes one list of items, and the calibration of each space says how probable a match is.
 */

import type { Filter } from '#shared/catalog/filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot } from '#shared/core/vector.ts';
import type { SpaceBridges } from '#shared/spaces/space-bridge.ts';
import type { ServedSpace, SpaceMembers } from '#shared/spaces/space-set.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { LexicalHit, VectorHit } from '#shared/vector-index/vector-index.ts';
import { type MatchCalibration, queryCalibration, type TermModality, termCalibration } from './calibrate.ts';
import { decodeCursor, encodeCursor, MAX_RESULTS_DEEP, queryDigest } from './cursor.ts';
import { embedTerms, type QueryEmbedding, type ResolvedTerm, resolveTerms } from './embed-query.ts';
import { createMatchProbability, type MatchProbability } from './match-probability.ts';
import type { QueryTerm, SearchAnswer, SearchRequest, SearchResult, SearchWarning } from './query.ts';
import {
  type Candidate,
  FUSION_DEPTH,
  orderParts,
  rankCandidates,
  reaches,
  type VectorList,
} from './rank-candidates.ts';

export interface SearchDependencies {
  /** Words and the state of the answer are those of the first. */
  readonly spaces: SpaceMembers;
  readonly mediaStore: Pick<ObjectStore, 'get'>;
  /** Trained ways from one space into another. @default none */
  readonly bridges?: SpaceBridges;
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
      const plan = await planQuery(deps, request);
      const encodedAt = performance.now();

      const { kept, leftOut } = await findCandidates(deps, request, plan, words, offset + request.limit + 1);
      const page = kept.slice(offset, offset + request.limit);
      const results: SearchResult[] = [];
      for (const candidate of page) results.push(await toResult(plan, candidate));

      const nextOffset = offset + request.limit;
      const more = kept.length > nextOffset && nextOffset <= MAX_RESULTS_DEEP;
      const { generation, items, freshParts } = deps.spaces[0].index.statistics();
      const finishedAt = performance.now();
      return {
        results,
        belowThreshold: Math.min(leftOut, request.limit - results.length),
        ...(plan.warnings.length > 0 ? { warnings: plan.warnings } : {}),
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

interface QueryPlan {
  /** Those that the query reaches. */
  readonly spaces: readonly SpacePlan[];
  /** What the words are searched under. */
  readonly filter: Filter | undefined;
  readonly warnings: readonly SearchWarning[];
}

interface SpacePlan {
  readonly space: ServedSpace;
  readonly embedding: QueryEmbedding;
  readonly probabilityOf: MatchProbability;
  /** One vector search each. */
  readonly lists: readonly ListPlan[];
}

interface ListPlan {
  readonly filter: Filter | undefined;
  readonly calibration: MatchCalibration | undefined;
}

async function planQuery(deps: SearchDependencies, request: SearchRequest): Promise<QueryPlan> {
  const lexicalOnly = request.mode === 'lexical';
  const terms = await resolveTerms(deps, lexicalOnly ? request.terms.filter(isPositiveText) : request.terms);
  const wordsSuffice = request.mode !== 'vector' && request.terms.every(isPositiveText);
  const plans: SpacePlan[] = [];
  const warnings: SearchWarning[] = [];
  if (!wordsSuffice && !lexicalOnly) await refuseUnembeddable(deps, terms);
  for (const space of deps.spaces) {
    const searched = searchedModalities(space, request);
    if (space !== deps.spaces[0] && searched.all.size === 0) continue; // nothing lies there
    const { embedding, unreached } = await embedTerms(deps, space, terms);
    if (unreached.length > 0 && !wordsSuffice) warnings.push(...unreachedWarning(space, searched.wanted, unreached));
    if (embedding === undefined) continue;
    warnings.push(...uncalibratedWarning(space, searched.wanted, embedding));
    const lists = lexicalOnly ? [] : planLists(space, request, searched, embedding);
    plans.push({ space, embedding, lists, probabilityOf: createMatchProbability(space.encoder.space, embedding) });
  }
  const filter = request.modalities ? both(modalityFilter(request.modalities), request.filter) : request.filter;
  return { spaces: plans, filter, warnings };
}

/** A term that no model embeds is refused with what its model says. */
async function refuseUnembeddable({ spaces }: SearchDependencies, terms: readonly ResolvedTerm[]): Promise<void> {
  for (const term of terms) {
    if (term.kind === 'stored' || spaces.some(({ encoder }) => encoder.modalities.has(term.modality))) continue;
    const [{ embedder }] = spaces;
    await (term.kind === 'text' ? embedder.texts([term.text]) : embedder[term.modality](term.bytes));
  }
}

interface SearchedModalities {
  /** Whose vectors are in the space. */
  readonly all: ReadonlySet<Modality>;
  /** Of those, the ones that are searched here and asked for. */
  readonly wanted: readonly Modality[];
}

function searchedModalities({ index, encoder, modalities }: ServedSpace, request: SearchRequest): SearchedModalities {
  const all = new Set<Modality>();
  for (const { modality, status, items } of index.statistics().counts) {
    const embedded = modality !== undefined && encoder.modalities.has(modality); // others are found by words only
    if (embedded && status === 'indexed' && items > 0) all.add(modality);
  }
  const asked = (modality: Modality) => request.modalities?.includes(modality) ?? true;
  return { all, wanted: [...all].filter((modality) => modalities.has(modality) && asked(modality)) };
}

/**
 * Cosines of different modality pairs do not compare: passages of text lie nearer to a typed query than any picture.
 * So each modality in question is searched by itself and the lists are merged by calibrated logit. With one modality, or
 * without a calibration for each, it is one search in the order of cosines.
 */
function planLists(
  { encoder }: ServedSpace,
  request: SearchRequest,
  { all, wanted }: SearchedModalities,
  { terms }: QueryEmbedding,
): readonly ListPlan[] {
  if (wanted.length === 0) return [];
  const calibrations = wanted.map((modality) => queryCalibration(encoder.space, terms, modality));
  if (wanted.length === 1 || calibrations.includes(undefined)) {
    const filter = wanted.length < all.size ? both(modalityFilter(wanted), request.filter) : request.filter;
    return [{ filter, calibration: wanted.length === 1 ? calibrations[0] : undefined }];
  }
  return wanted.map((modality, i) => {
    return { filter: both(modalityFilter([modality]), request.filter), calibration: calibrations[i] };
  });
}

/** Says what of the query does not reach the items of a space; nothing where none of them were asked for. */
function unreachedWarning(
  { encoder }: ServedSpace,
  modalities: readonly Modality[],
  unreached: readonly ResolvedTerm[],
): SearchWarning[] {
  if (modalities.length === 0) return [];
  const terms = [...new Set(unreached.map(({ modality }) => modality))];
  const message =
    `terms of ${terms.join(', ')} do not reach items of ${modalities.join(', ')}: the model of their space ` +
    `${encoder.space.id} does not embed ${terms.join(', ')}, and no alignment leads there`;
  return [{ code: 'unreached', terms, modalities, message }];
}

/** Says where no probability is known because terms came over a bridge that was not trained on such pairs, or on too few. */
function uncalibratedWarning(
  { encoder }: ServedSpace,
  searched: readonly Modality[],
  { terms: all }: QueryEmbedding,
): SearchWarning[] {
  const unknown = (term: TermModality, modality: Modality) =>
    term.bridge !== undefined && termCalibration(encoder.space, term, modality) === undefined;
  const crossed = all.filter((term) => searched.some((modality) => unknown(term, modality)));
  if (crossed.length === 0) return [];
  const modalities = searched.filter((modality) => crossed.some((term) => unknown(term, modality)));
  const terms = [...new Set(crossed.map(({ modality }) => modality))];
  const bridges = [...new Set(crossed.map(({ bridge }) => bridge?.name))];
  const message =
    `terms of ${terms.join(', ')} were compared with items of ${modalities.join(', ')} through the alignment ` +
    `${bridges.join(', ')}; how probable such a match is is not known, so they are ordered by nearness alone`;
  return [{ code: 'uncalibrated', terms, modalities, message }];
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
  const probabilityOf: MatchProbability = (modality, vector) => planOf(plan, modality)?.probabilityOf(modality, vector);
  const keeps = (candidate: Candidate) => reaches(candidate, request.minProbability, probabilityOf);
  let found: Found = { kept: [], leftOut: 0 };
  for (const depth of DEPTHS) {
    if (depth < Math.min(wanted, DEPTHS.at(-1)!)) continue;
    const lists = await vectorCandidates(plan, depth);
    const lexical =
      words === undefined ? [] : await lexicalCandidates(deps, plan, words, lexicalOnly ? depth : FUSION_DEPTH);
    const ranked = rankCandidates(orderParts(lists), lexical);
    const kept = ranked.filter(keeps);
    found = { kept, leftOut: ranked.length - kept.length };
    const goesOn = lexicalOnly
      ? lexical.length >= depth
      : lists.some(({ hits }) => hits.length >= depth && keeps(vectorCandidate(hits.at(-1)!)));
    if (kept.length >= wanted || !goesOn) break;
  }
  return found;
}

async function vectorCandidates(plan: QueryPlan, limit: number): Promise<readonly VectorList[]> {
  return Promise.all(
    plan.spaces.flatMap(({ space, embedding: { vector }, lists }) =>
      lists.map(async ({ filter, calibration }) => {
        const { hits } = await space.index.searchVectors({ vector, limit, ...(filter ? { filter } : {}) });
        return { hits, calibration };
      }),
    ),
  );
}

/** The plan of the space that items of the modality are searched in. */
function planOf(plan: QueryPlan, modality: Modality | undefined): SpacePlan | undefined {
  return plan.spaces.find(({ space }) => modality !== undefined && space.modalities.has(modality));
}

function lexicalCandidates(
  deps: SearchDependencies,
  plan: QueryPlan,
  text: string,
  limit: number,
): Promise<readonly LexicalHit[]> {
  return deps.spaces[0].index.searchText({ text, limit, ...(plan.filter ? { filter: plan.filter } : {}) });
}

/** Completes a candidate: the stored vector where only the words found it, then cosine and probability. */
async function toResult(plan: QueryPlan, candidate: Candidate): Promise<SearchResult> {
  const { best, matched } = candidate;
  const { item } = best;
  const own = planOf(plan, item.modality);
  const vector = candidate.vector ?? (own && (await storedVector(own, item.key, best.ordinal)));
  const score = candidate.score ?? (own && vector && dot(own.embedding.vector, vector));
  const snippet = candidate.snippet ?? best.text?.slice(0, SNIPPET_CHARACTERS);
  return {
    key: item.key,
    modality: item.modality,
    score,
    probability: item.modality && vector && own?.probabilityOf(item.modality, vector),
    matched,
    part: best.range,
    attributes: item.attributes,
    ...(snippet === undefined ? {} : { snippet }),
    item,
  };
}

/** Of the part that the words are in; of the item's nearest part when that one has no vector. */
async function storedVector(
  { space, embedding }: SpacePlan,
  key: string,
  ordinal: number,
): Promise<Float32Array | undefined> {
  const parts = (await space.index.item(key))?.parts ?? [];
  const own = parts[ordinal]?.vector;
  if (own !== undefined) return own;
  const vectors = parts.flatMap((part) => (part.vector === undefined ? [] : [part.vector]));
  return vectors.sort((a, b) => dot(embedding.vector, b) - dot(embedding.vector, a))[0];
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
