/** An answer out of a text: the sentence that holds most of the words that are asked about. It quotes; it does not conclude. */

import type { CandidateAnswer } from './reader.ts';

/** What a sentence that answers such a question says somewhere. */
const ASKED_FOR: readonly (readonly [question: RegExp, answer: RegExp])[] = [
  [
    /\bwhat colou?rs?\b/i,
    /\b(?:red|green|blue|yellow|orange|purple|violet|pink|brown|black|white|gr[ae]y|silver|gold(?:en)?|beige|tan|teal|turquoise|cyan|magenta|maroon|cream|colou?rs?)\b/i,
  ],
  [
    /\bhow many\b/i,
    /\d|\b(?:no|none|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|both|pair|couple|several|few|many|dozens?|hundreds?|thousands?)\b/i,
  ],
];

/** Longer sentences are lists and tables. */
const LONGEST_QUOTE = 400;
const MAX_TEXT = 20_000;

/**
 * confidence = share of the subject's words that the sentence holds; undefined when it holds none. To a question for a colour or a
 * number only sentences count that say one.
 */
export function quoteSentence(text: string, subject: string, question = ''): CandidateAnswer | undefined {
  const wanted = new Set(wordsOf(subject));
  const said = ASKED_FOR.filter(([asks]) => asks.test(question)).map(([, answer]) => answer);
  if (wanted.size === 0) return undefined;
  let best: CandidateAnswer | undefined;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text.slice(0, MAX_TEXT))) {
    const sentence = segment.trim();
    if (!said.every((answer) => answer.test(sentence))) continue;
    const held = new Set(wordsOf(sentence));
    const confidence = [...wanted].filter((word) => held.has(word)).length / wanted.size;
    if (confidence > (best?.confidence ?? 0)) best = { answer: sentence.slice(0, LONGEST_QUOTE), confidence };
  }
  return best;
}

/** Lower-cased words without a plural's s. */
const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => (word.length > 3 ? word.replace(/s$/, '') : word));
