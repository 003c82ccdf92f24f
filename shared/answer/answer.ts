/**
 * What is asked and what is answered, free of HTTP, and the steps that all ways to an answer share. Every answer names its
 * evidence, and none is given when the evidence is weak.
 */

import type { Filter } from '#shared/catalog/filter.ts';
import type { PartRange } from '#shared/catalog/item.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { ContentSource } from '#shared/search/query.ts';
import type { Search } from '#shared/search/search.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { CandidateAnswer, Exchange, Reader } from './reader.ts';

/** Which part of the collection is asked. */
export interface AnswerScope {
  /** Searched for in place of the question's subject. */
  readonly query?: string;
  readonly filter?: Filter;
  /** Items that are read. @default 8 */
  readonly limit?: number;
}

export interface AnswerRequest {
  readonly question: string;
  /** Asked about; the collection is when absent. */
  readonly image?: ContentSource;
  readonly scope?: AnswerScope;
  readonly choices?: readonly string[];
  /** Oldest first. */
  readonly history?: readonly Exchange[];
  /** Called with text as it is generated, where one picture is asked about and the model generates. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface Evidence {
  readonly key: string;
  readonly modality: Modality | undefined;
  readonly part: PartRange | null;
  /** Match probability times the item's own confidence in the answer, in [0, 1]. */
  readonly score: number;
}

/** What was looked at: one picture, the best items one by one, or every match of a search. */
export type AnswerBasis =
  | { readonly kind: 'image' }
  | { readonly kind: 'items'; readonly query: string; readonly read: number }
  | {
      readonly kind: 'matches';
      readonly query: string;
      readonly minProbability: number;
      readonly matches: number;
      readonly expected: number;
    };

export interface Answer {
  /** As it was understood: with what a follow-up refers to put in. */
  readonly question: string;
  /** Null when abstained. */
  readonly answer: string | null;
  /** Of the answer, or of the best guess that was not good enough. */
  readonly confidence: number;
  /** Others, the likeliest first; with the best guess in front when abstained. */
  readonly alternatives: readonly CandidateAnswer[];
  readonly evidence: readonly Evidence[];
  readonly abstained: boolean;
  readonly basis: AnswerBasis;
  readonly model: string;
}

export interface AnswerDependencies {
  readonly search: Search;
  readonly index: Pick<VectorIndex, 'item' | 'items' | 'statistics'>;
  readonly mediaStore: Pick<ObjectStore, 'get'>;
  /** Answers what it can. */
  readonly reader: Reader;
  /** Chooses among answers that `reader` does not know. */
  readonly ranking: Reader;
}

/** The one that can choose among these answers. */
export function readerFor({ reader, ranking }: AnswerDependencies, choices: readonly string[] | undefined): Reader {
  return choices === undefined || reader.knows(choices) ? reader : ranking;
}

/** @throws ChiasmError `not_found` */
export async function bytesOf(
  { mediaStore }: Pick<AnswerDependencies, 'mediaStore'>,
  key: string,
): Promise<Uint8Array> {
  const stored = await mediaStore.get(key);
  if (stored !== undefined) return stored.bytes;
  throw new ChiasmError('not_found', `there is no object ${JSON.stringify(key)}`, {
    issues: [{ path: '/image/item', message: 'expected the key of a stored picture' }],
  });
}

/** The best candidate as an answer, or nothing when it lies below the line. */
export function conclude(
  candidates: readonly CandidateAnswer[],
  { name, abstainBelow }: Pick<Reader, 'name' | 'abstainBelow'>,
  found: Pick<Answer, 'question' | 'evidence' | 'basis'>,
): Answer {
  const [best, ...others] = candidates;
  const abstained = best === undefined || best.confidence < abstainBelow;
  return {
    ...found,
    answer: abstained ? null : best.answer,
    confidence: best?.confidence ?? 0,
    alternatives: abstained ? candidates : others,
    abstained,
    model: name,
  };
}
