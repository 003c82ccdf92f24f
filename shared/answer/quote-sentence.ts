/** An answer out of a text: the sentence that holds most of the words that are asked about. It quotes; it does not conclude. */

import type { CandidateAnswer } from './reader.ts';

/** Longer sentences are lists and tables. */
const LONGEST_QUOTE = 400;
const MAX_TEXT = 20_000;

/** confidence = share of the subject's words that the sentence holds; undefined when it holds none. */
export function quoteSentence(text: string, subject: string): CandidateAnswer | undefined {
  const wanted = new Set(wordsOf(subject));
  if (wanted.size === 0) return undefined;
  let best: CandidateAnswer | undefined;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text.slice(0, MAX_TEXT))) {
    const sentence = segment.trim();
    const held = new Set(wordsOf(sentence));
    const confidence = [...wanted].filter((word) => held.has(word)).length / wanted.size;
    if (confidence > (best?.confidence ?? 0)) best = { answer: sentence.slice(0, LONGEST_QUOTE), confidence };
  }
  return best;
}

/** Lower-cased words without a plural's s. */
const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => (word.length > 3 ? word.replace(/s$/, '') : word));
