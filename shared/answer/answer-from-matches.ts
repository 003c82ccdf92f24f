/**
 * Questions that count or ask whether there is any: answered over every match of a search above the probability line, not
 * over the few items of a page.
 */

import type { SearchRequest, SearchResult } from '#shared/search/query.ts';
import type { Answer, AnswerDependencies, AnswerRequest } from './answer.ts';
import type { ParsedQuestion } from './parse-question.ts';

/** From here on an item counts as a match. */
const MATCH_LINE = 0.5;
const PAGE = 100;
/** Evidence that is listed; the count is over all. */
const LISTED = 24;

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
    limit: PAGE,
    ...(scope.filter && { filter: scope.filter }),
    ...(modality && { modalities: [modality] }),
  };
  const matches = await allMatches(deps, search);
  const nearest = matches.length > 0 ? matches : (await deps.search.search({ ...search, limit: 1 })).results;
  const best = Math.max(0, ...nearest.map(({ probability }) => probability ?? 0));
  const evidence = matches
    .slice(0, LISTED)
    .map(({ key, modality, part, probability }) => ({ key, modality, part, score: probability ?? MATCH_LINE }));
  // that none is there is as sure as the nearest item is no match; a count is as sure as its matches are on average
  const mean = matches.reduce((sum, { probability }) => sum + (probability ?? MATCH_LINE), 0) / (matches.length || 1);
  const confidence = matches.length === 0 ? 1 - best : kind === 'exists' ? best : mean;
  const answer = kind === 'count' ? String(matches.length) : matches.length > 0 ? 'yes' : 'no';
  // the nearest items of a space without calibration say nothing about how near is near enough
  const calibrated = nearest.every(({ probability }) => probability !== undefined);
  return {
    question,
    answer: calibrated ? answer : null,
    confidence: calibrated ? confidence : 0,
    alternatives: [],
    evidence,
    abstained: !calibrated,
    basis: { kind: 'matches', query, minProbability: MATCH_LINE, matches: matches.length },
    model: deps.ranking.name,
  };
}

async function allMatches({ search }: AnswerDependencies, request: SearchRequest): Promise<readonly SearchResult[]> {
  const matches: SearchResult[] = [];
  let cursor: string | undefined;
  do {
    const page = await search.search({ ...request, minProbability: MATCH_LINE, ...(cursor && { cursor }) });
    matches.push(...page.results);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return matches;
}
