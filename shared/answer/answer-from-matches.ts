/**
 * Questions that count or ask whether there is any: answered over every match of a search, not over the few items of a
 * page.
 */

import type { SearchRequest, SearchResult } from '#shared/search/query.ts';
import type { Answer, AnswerDependencies, AnswerRequest } from './answer.ts';
import type { ParsedQuestion } from './parse-question.ts';

/** From here on an item is evidence. */
const MATCH_LINE = 0.5;
/** What is less probable than this is not counted, not even in part. */
const COUNT_LINE = 0.005;
/** Items that are counted at most: the deepest that a search looks. */
const MOST = 6_400;
/** Evidence that is listed; the count is over all. */
const LISTED = 24;

/**
 * The number of items that show the subject is not the number of those above one half: of a hundred items at 0.3, thirty
 * show it. So what is counted is what is expected, E = sum_i p_i over calibrated match probabilities, with 1 for an item
 * that has the words literally. No item above one half and E below one: there is none. No item above one half and E above
 * one: some probably are there, but which ones is not known, and that is not an answer.
 */
export async function answerFromMatches(
  deps: AnswerDependencies,
  request: AnswerRequest,
  { kind, subject, modality }: ParsedQuestion,
): Promise<Answer> {
  const { scope = {}, question } = request;
  const query = scope.query ?? subject;
  const search: SearchRequest = {
    terms: [{ kind: 'text', text: query, weight: 1 }],
    mode: 'hybrid',
    limit: MOST,
    minProbability: COUNT_LINE,
    ...(scope.filter && { filter: scope.filter }),
    ...(modality && { modalities: [modality] }),
  };
  const { results } = await deps.search.search(search);
  const found = results.map((result) => ({ ...result, p: matchOf(result) })).sort((a, b) => b.p - a.p);
  const matches = found.filter(({ p }) => p >= MATCH_LINE);
  const expected = found.reduce((sum, { p }) => sum + p, 0);
  const best = found[0]?.p ?? 0;
  const number = matches.length === 0 ? Math.floor(expected) : Math.max(1, Math.round(expected));
  // that none is there is as sure as the nearest item is no match; a count is as sure as one of those that are counted
  const mean = found.reduce((sum, { p }) => sum + p * p, 0) / expected;
  const confidence = number === 0 ? 1 - best : kind === 'exists' ? best : mean;
  const answer = kind === 'count' ? String(number) : number > 0 ? 'yes' : 'no';
  const calibrated = await isCalibrated(deps, search, results);
  const abstained = !calibrated || (matches.length === 0 && number > 0);
  return {
    question,
    answer: abstained ? null : answer,
    confidence: calibrated ? confidence : 0,
    alternatives: abstained && calibrated ? [{ answer, confidence }] : [],
    evidence: matches.slice(0, LISTED).map(({ key, modality, part, p }) => ({ key, modality, part, score: p })),
    abstained,
    basis: { kind: 'matches', query, minProbability: MATCH_LINE, matches: matches.length, expected },
    model: deps.ranking.name,
  };
}

/** What the item adds to the count: one that has the words literally is a match whatever its vector says. */
const matchOf = ({ matched, probability }: SearchResult) => (matched === 'vector' ? (probability ?? 0) : 1);

/** The nearest items of a space without calibration say nothing about how near is near enough. */
async function isCalibrated(
  { search }: AnswerDependencies,
  { minProbability: _, ...all }: SearchRequest,
  found: readonly SearchResult[],
): Promise<boolean> {
  const nearest = found.length > 0 ? found : (await search.search({ ...all, limit: 1 })).results;
  return nearest.every(({ probability }) => probability !== undefined);
}
