/**
 * Questions answered: about one picture by a reader, about the collection by searching it, reading the best items and
 * merging what they say, or by counting all matches.
 */

import type { ContentSource } from '#shared/search/query.ts';
import {
  type Answer,
  type AnswerDependencies,
  type AnswerRequest,
  bytesOf,
  conclude,
  type Evidence,
  readerFor,
} from './answer.ts';
import { answerFromMatches } from './answer-from-matches.ts';
import { answerFromReading } from './answer-from-reading.ts';
import { answerFromSize } from './answer-from-size.ts';
import { parseQuestion, resolveQuestion } from './parse-question.ts';
import type { ReaderRequest } from './reader.ts';

export interface Answerer {
  /** @throws ChiasmError `not_found` for an unknown picture, and what the reader throws for one that cannot be read */
  answer(request: AnswerRequest): Promise<Answer>;
}

/** Longer than any question; models read 32 to 64 tokens of it, and the rules should not look at a megabyte. */
const MAX_QUESTION_CHARACTERS = 2_000;

export function createAnswerer(deps: AnswerDependencies): Answerer {
  return {
    async answer(request) {
      const question = resolveQuestion(request.question.slice(0, MAX_QUESTION_CHARACTERS), request.history ?? []);
      const understood = { ...request, question };
      if (request.image !== undefined) return answerFromImage(deps, understood, request.image);
      const parsed = parseQuestion(question);
      const isOfSize = parsed.kind === 'count' && parsed.subject === '' && request.scope?.query === undefined;
      if (isOfSize) return answerFromSize(deps, understood, parsed.modality);
      if (parsed.kind !== 'open') return answerFromMatches(deps, understood, parsed);
      return answerFromReading(deps, understood, parsed.subject);
    },
  };
}

async function answerFromImage(
  deps: AnswerDependencies,
  request: AnswerRequest,
  source: ContentSource,
): Promise<Answer> {
  const { question, choices, history, onText, signal } = request;
  const reader = readerFor(deps, choices);
  const image = source.kind === 'data' ? source.bytes : await bytesOf(deps, source.key);
  const candidates = await reader.read({
    image,
    question,
    ...(choices && { choices }),
    ...(history && { history }),
    ...(onText && { onText }),
    ...(signal && { signal }),
  } satisfies ReaderRequest);
  const score = candidates[0]?.confidence ?? 0;
  const evidence: Evidence[] =
    source.kind === 'item' ? [{ key: source.key, modality: 'image', part: null, score }] : [];
  return conclude(candidates, reader, { question, evidence, basis: { kind: 'image' } });
}
