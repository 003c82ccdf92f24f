/** The answers task: a collection is asked how many of its pictures show a word and whether any does, as `POST /v1/answer` asks it. */

import type { Answer } from '#shared/answer/answer.ts';
import type { Answerer } from '#shared/answer/answerer.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { AskedWord } from './choose-words.ts';
import {
  type AnsweredWord,
  type CollectionReport,
  type CountScores,
  evaluateCollection,
  type YesNoScores,
} from './collection-answers.ts';
import type { Estimate } from './confidence-interval.ts';
import { percent, percentWithInterval } from './percent.ts';

export async function askCollection(answerer: Answerer, words: readonly AskedWord[]): Promise<CollectionReport> {
  const answered: AnsweredWord[] = [];
  for (const word of words) {
    const { count, exists } = word.questions;
    answered.push({
      ...word,
      count: readCount(await ask(answerer, count)),
      exists: readYesNo(await ask(answerer, exists)),
    });
  }
  return evaluateCollection(answered);
}

async function ask(answerer: Answerer, question: string): Promise<Answer> {
  const answer = await answerer.answer({ question });
  if (answer.basis.kind === 'matches') return answer;
  throw new ChiasmError('internal', `${question} was not understood as a question over all matches`);
}

function readCount({ answer, alternatives }: Answer): AnsweredWord['count'] {
  const guess = answer ?? alternatives[0]?.answer;
  return { said: answer === null ? undefined : Number(answer), guess: guess === undefined ? undefined : Number(guess) };
}

const readYesNo = ({ answer }: Answer) => (answer === 'yes' || answer === 'no' ? answer : undefined);

export function describeCollection(report: CollectionReport): string {
  const { counts, columns, none, exists } = report;
  const kinds = (['named', 'absent', 'nonsense', 'all'] as const).filter((kind) => exists[kind].questions > 0);
  return [
    ['how many of my pictures show ...?', 'asked', 'abstained', 'off by a factor of', 'said / true', 'within a factor of 2', 'guesses too: off by'], // biome-ignore format: a table
    countsRow('named', counts),
    ...Object.entries(columns).map(([column, scores]) => countsRow(`  ${column}`, scores)),
    [],
    ['', 'asked', 'abstained', 'said 0'],
    yesNoRow('named nowhere', none),
    [],
    ['is there ...?', 'asked', 'abstained', 'right'],
    ...kinds.map((kind) => yesNoRow(kind, exists[kind])),
  ]
    .map(
      (cells) =>
        `${cells
          .map((cell, i) => cell.padEnd(WIDTHS[i]!))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}

const WIDTHS = [36, 8, 11, 22, 22, 24, 0];

function countsRow(name: string, { questions, abstained, factor, ratio, withinTwo, guessedFactor }: CountScores) {
  const number = ({ value, low, high, n }: Estimate) =>
    n === 0 ? 'none answered' : `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
  const share = withinTwo.n === 0 ? '' : percentWithInterval(withinTwo);
  return [name, `${questions}`, percent(abstained.value), number(factor), number(ratio), share, number(guessedFactor)];
}

function yesNoRow(name: string, { questions, abstained, right }: YesNoScores) {
  const share = right.n === 0 ? 'none answered' : percentWithInterval(right);
  return [name, `${questions}`, percent(abstained.value), share];
}
