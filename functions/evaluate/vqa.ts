/** Scores of answers: exact match, Wu-Palmer, VQA's official accuracy, and accuracy against coverage. */

import { bootstrapInterval, type Estimate } from './confidence-interval.ts';
import { vqaAccuracy } from './vqa-accuracy.ts';
import type { WordNet } from './wordnet.ts';

/** One question with what people and the reader said. */
export interface ScoredAnswer {
  /** Which picture: questions about one are not independent. */
  readonly image: number;
  readonly answers: readonly string[];
  readonly predicted: string;
  readonly confidence: number;
  readonly abstained: boolean;
}

const COVERAGES = [1, 0.8, 0.6, 0.4, 0.2] as const;

export interface VqaReport {
  readonly questions: number;
  /** The whole answer as it was written; lists (`lamp, table`) too. Abstained answers count by their best guess. */
  readonly exact: Estimate;
  /** The first of a list against the first of a list, as published figures on DAQUAR count. */
  readonly first: Estimate;
  /** Mean Wu-Palmer similarity of the first answers; undefined without WordNet. */
  readonly wuPalmer: Estimate | undefined;
  /** Of VQA v2; undefined where questions have one answer. */
  readonly official: Estimate | undefined;
  /** Share of questions that were answered, and of those the share of exact answers. */
  readonly answered: { readonly coverage: number; readonly accuracy: number };
  /** Exact match among the most confident share of the answers. */
  readonly byCoverage: readonly { readonly coverage: number; readonly accuracy: number; readonly confidence: number }[];
}

export function evaluateVqa(scored: readonly ScoredAnswer[], wordnet: WordNet | undefined): VqaReport {
  const exact = (one: ScoredAnswer) => (plain(one.predicted) === plain(one.answers[0]!) ? 1 : 0);
  const first = (answer: string) => plain(answer).split(',')[0]!;
  const estimate = (score: (one: ScoredAnswer) => number) =>
    bootstrapInterval(
      [...Map.groupBy(scored, ({ image }) => image).values()].map((own) => ({
        sum: own.reduce((sum, one) => sum + score(one), 0),
        count: own.length,
      })),
    );
  const answered = scored.filter(({ abstained }) => !abstained);
  const sorted = [...scored].sort((a, b) => b.confidence - a.confidence);
  return {
    questions: scored.length,
    exact: estimate(exact),
    first: estimate((one) => (first(one.predicted) === first(one.answers[0]!) ? 1 : 0)),
    wuPalmer: wordnet && estimate((one) => wordnet.similarity(first(one.answers[0]!), first(one.predicted))),
    official: scored.some(({ answers }) => answers.length > 1)
      ? estimate((one) => vqaAccuracy(one.predicted, one.answers))
      : undefined,
    answered: { coverage: answered.length / scored.length, accuracy: mean(answered.map(exact)) },
    byCoverage: COVERAGES.map((coverage) => {
      const chosen = sorted.slice(0, Math.max(1, Math.round(coverage * sorted.length)));
      return { coverage, accuracy: mean(chosen.map(exact)), confidence: chosen.at(-1)!.confidence };
    }),
  };
}

const plain = (answer: string): string => answer.toLowerCase().replaceAll(/\s*,\s*/g, ',').replaceAll(/[\s_]+/g, '_').trim(); // biome-ignore format: one rule

const mean = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
