/** Scores of answers from a whole collection: how far its counts are off, whether its yes and no are right, how often it abstains. */

import type { AskedWord } from './choose-words.ts';
import { bootstrapInterval, type Estimate, wilsonEstimate } from './confidence-interval.ts';

/** What was answered for one word. */
export interface AnsweredWord extends AskedWord {
  /** `said` is undefined when no number was given; `guess` is the best guess then, the same number otherwise. */
  readonly count: { readonly said: number | undefined; readonly guess: number | undefined };
  readonly exists: 'yes' | 'no' | undefined;
}

export interface CountScores {
  readonly questions: number;
  /** Share of questions that were given no number. */
  readonly abstained: Estimate;
  /** exp mean |ln(said / true)| over the answered: by which factor a number is off, whichever way. */
  readonly factor: Estimate;
  /** exp mean ln(said / true): above 1 where numbers are too large as a rule. */
  readonly ratio: Estimate;
  /** Share of the answered that are off by a factor of 2 at most. */
  readonly withinTwo: Estimate;
  /** `factor` over all questions, with the best guess where no number was given. */
  readonly guessedFactor: Estimate;
}

export interface YesNoScores {
  readonly questions: number;
  readonly abstained: Estimate;
  /** Share of the answered that are right. */
  readonly right: Estimate;
}

export interface CollectionReport {
  /** Of words that something is said to show. */
  readonly counts: CountScores;
  /** The same for each label column. */
  readonly columns: Readonly<Record<string, CountScores>>;
  /** Of words that nothing shows: the share that was counted as none, of those that were given a number. */
  readonly none: YesNoScores;
  readonly exists: Readonly<Record<AskedWord['kind'] | 'all', YesNoScores>>;
  readonly words: readonly AnsweredWord[];
}

/** A count of none has no ratio to a true one; it is taken as half a picture. */
const NONE = 0.5;

export function evaluateCollection(words: readonly AnsweredWord[]): CollectionReport {
  const named = words.filter(({ kind }) => kind === 'named');
  const others = words.filter(({ kind }) => kind !== 'named');
  const columns = Map.groupBy(
    named.filter(({ column }) => column !== undefined),
    ({ column }) => column!,
  );
  const yesNo = (kinds: readonly string[]) => {
    const own = words.filter(({ kind }) => kinds.includes(kind));
    return scoreYesNo(own, ({ exists, truth }) =>
      exists === undefined ? undefined : exists === (truth > 0 ? 'yes' : 'no'),
    );
  };
  return {
    counts: scoreCounts(named),
    columns: Object.fromEntries([...columns].map(([column, own]) => [column, scoreCounts(own)])),
    none: scoreYesNo(others, ({ count }) => (count.said === undefined ? undefined : count.said === 0)),
    exists: {
      named: yesNo(['named']),
      absent: yesNo(['absent']),
      nonsense: yesNo(['nonsense']),
      all: yesNo(['named', 'absent', 'nonsense']),
    },
    words,
  };
}

function scoreCounts(words: readonly AnsweredWord[]): CountScores {
  const logRatio = (said: number, truth: number) => Math.log(Math.max(said, NONE) / truth);
  const answered = words.flatMap(({ count, truth }) => (count.said === undefined ? [] : [logRatio(count.said, truth)]));
  const guessed = words.flatMap(({ count, truth }) =>
    count.guess === undefined ? [] : [logRatio(count.guess, truth)],
  );
  return {
    questions: words.length,
    abstained: wilsonEstimate(words.length - answered.length, words.length),
    factor: geometricMean(answered.map(Math.abs)),
    ratio: geometricMean(answered),
    withinTwo: wilsonEstimate(answered.filter((value) => Math.abs(value) <= Math.LN2).length, answered.length),
    guessedFactor: geometricMean(guessed.map(Math.abs)),
  };
}

/** exp of the mean, with an interval bootstrapped over words. */
function geometricMean(logarithms: readonly number[]): Estimate {
  if (logarithms.length === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN, n: 0 };
  const { value, low, high, n } = bootstrapInterval(logarithms.map((sum) => ({ sum, count: 1 })));
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high), n };
}

/** @param isRight undefined where no answer was given */
function scoreYesNo(words: readonly AnsweredWord[], isRight: (word: AnsweredWord) => boolean | undefined): YesNoScores {
  const answered = words.map(isRight).filter((right) => right !== undefined);
  return {
    questions: words.length,
    abstained: wilsonEstimate(words.length - answered.length, words.length),
    right: wilsonEstimate(answered.filter(Boolean).length, answered.length),
  };
}
