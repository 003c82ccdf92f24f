/**
 * Open questions over the collection: the best items of a search are read one by one, pictures by the reader, texts and
 * transcripts by taking the sentence that speaks most of what is asked. What they say is merged by confidence and match.
 */

import { isDeepStrictEqual } from 'node:util';
import { type PartRange, transcriptOf } from '#shared/catalog/item.ts';
import type { SearchResult } from '#shared/search/query.ts';
import {
  type Answer,
  type AnswerDependencies,
  type AnswerRequest,
  bytesOf,
  conclude,
  type Evidence,
  readerFor,
} from './answer.ts';
import { quoteSentence } from './quote-sentence.ts';
import type { CandidateAnswer } from './reader.ts';

const DEFAULT_ITEMS = 8;
/** Items less probable than this share of the best are not what was asked about. */
const LEAST_SHARE = 0.5;
/** Match probability of an item in a space without calibration. */
const UNKNOWN_PROBABILITY = 0.5;
/** At least, of an item that holds the words literally. */
const LITERAL_PROBABILITY = 0.9;

interface Reading {
  readonly result: SearchResult;
  /** p_i: that the item is what the question is about. */
  readonly probability: number;
  readonly candidates: readonly CandidateAnswer[];
}

export async function answerFromReading(
  deps: AnswerDependencies,
  request: AnswerRequest,
  subject: string,
): Promise<Answer> {
  const { question, scope = {}, choices } = request;
  const query = scope.query ?? subject;
  const reader = readerFor(deps, choices);
  const found = await deps.search.search({
    terms: [{ kind: 'text', text: query, weight: 1 }],
    mode: 'hybrid',
    limit: scope.limit ?? DEFAULT_ITEMS,
    ...(scope.filter && { filter: scope.filter }),
  });
  const best = Math.max(0, ...found.results.map(probabilityOf));
  const worth = found.results.filter((result) => probabilityOf(result) >= LEAST_SHARE * best);
  const readings = await Promise.all(worth.map((result) => read(deps, request, subject, result)));

  const candidates = mergeReadings(readings);
  const winner = candidates[0]?.answer;
  const evidence = readings
    .map((reading) => toEvidence(reading, winner))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  return conclude(candidates, reader, { question, evidence, basis: { kind: 'items', query, read: readings.length } });
}

function probabilityOf({ probability = UNKNOWN_PROBABILITY, matched }: SearchResult): number {
  return matched === 'vector' ? probability : Math.max(probability, LITERAL_PROBABILITY);
}

async function read(
  deps: AnswerDependencies,
  request: AnswerRequest,
  subject: string,
  result: SearchResult,
): Promise<Reading> {
  const reading = { result, probability: probabilityOf(result) };
  if (result.modality === 'image') {
    const { question, choices, history, signal } = request;
    const image = await bytesOf(deps, result.key);
    const candidates = await readerFor(deps, choices).read({
      image,
      question,
      ...(choices && { choices }),
      ...(history && { history }),
      ...(signal && { signal }),
    });
    return { ...reading, candidates };
  }
  if (request.choices !== undefined) return { ...reading, candidates: [] };
  const quotes = (await passagesOf(deps, result)).flatMap(({ text, part }) => {
    const quote = quoteSentence(text, subject, request.question);
    return quote === undefined ? [] : [{ quote, part }];
  });
  const best = quotes.reduce<(typeof quotes)[number] | undefined>(
    (most, one) => (one.quote.confidence > (most?.quote.confidence ?? 0) ? one : most),
    undefined,
  );
  if (best === undefined) return { ...reading, candidates: [] };
  return { ...reading, result: { ...result, part: best.part }, candidates: [best.quote] };
}

/** The passage that was found; of a sound, all that is said in it, stretch by stretch. */
async function passagesOf(
  { index }: AnswerDependencies,
  { key, part }: SearchResult,
): Promise<readonly { readonly text: string; readonly part: PartRange | null }[]> {
  const found = await index.item(key);
  if (found === undefined) return [];
  const { item, parts } = found;
  if (item.modality === 'audio') {
    return transcriptOf(item, parts).map(({ text, ...range }) => ({ text, part: range }));
  }
  const passage = parts.find(({ range }) => isDeepStrictEqual(range, part)) ?? parts[0];
  return passage?.text === undefined ? [] : [{ text: passage.text, part }];
}

/**
 * confidence(a) = sum_i p_i c_i(a) / max(1, sum_i p_i): the answer's expected share when an item is drawn by its match
 * probability. Where all matches together weigh less than one item, what is missing counts as not knowing.
 */
export function mergeReadings(
  readings: readonly Pick<Reading, 'probability' | 'candidates'>[],
): readonly CandidateAnswer[] {
  const said = readings.filter(({ candidates }) => candidates.length > 0);
  const total = Math.max(
    1,
    said.reduce((sum, { probability }) => sum + probability, 0),
  );
  const merged = new Map<string, { answer: string; confidence: number }>();
  for (const { probability, candidates } of said) {
    for (const { answer, confidence } of candidates) {
      const name = answer.toLowerCase();
      const known = merged.get(name) ?? { answer, confidence: 0 };
      known.confidence += (probability * confidence) / total;
      merged.set(name, known);
    }
  }
  return [...merged.values()].sort((a, b) => b.confidence - a.confidence).slice(0, 10);
}

function toEvidence({ result, probability, candidates }: Reading, answer: string | undefined): Evidence {
  const own = candidates.find((candidate) => candidate.answer.toLowerCase() === answer?.toLowerCase());
  const score = probability * (own?.confidence ?? 0);
  return { key: result.key, modality: result.modality, part: result.part, score };
}
