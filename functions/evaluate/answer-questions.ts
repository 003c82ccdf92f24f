/** The vqa task: every question of a data set to the reader, and what its answers are worth. */

import { readFile } from 'node:fs/promises';
import type { Reader } from '#shared/answer/reader.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { percent, percentWithInterval } from './percent.ts';
import { type QuestionOptions, readQuestionedImages } from './read-questions.ts';
import { evaluateVqa, type ScoredAnswer, type VqaReport } from './vqa.ts';
import { openWordNet } from './wordnet.ts';

export interface VqaOptions extends QuestionOptions {
  /** Folder of WordNet's files. */
  readonly wordnet: string;
}

export async function answerQuestions(
  reader: Reader,
  folder: string,
  options: VqaOptions,
  onProgress: (done: number, total: number) => void,
) {
  const images = await readQuestionedImages(folder, options);
  const wordnet = await openWordNet(options.wordnet).catch(() => undefined);
  const scored: ScoredAnswer[] = [];
  let slowestMs = 0;
  const startedMs = performance.now();
  for (const [number, { path, questions }] of images.entries()) {
    onProgress(number, images.length);
    const image = await readFile(path);
    for (const { question, answers } of questions) {
      const askedMs = performance.now();
      const [best] = await reader.read({ image, question }).catch((thrown) => {
        const { code, message } = toChiasmError(thrown);
        throw new ChiasmError(code, `${path}: ${message}`, { cause: thrown });
      });
      slowestMs = Math.max(slowestMs, performance.now() - askedMs);
      const { answer: predicted, confidence } = best ?? { answer: '', confidence: 0 };
      scored.push({ image: number, answers, predicted, confidence, abstained: confidence < reader.abstainBelow });
    }
  }
  onProgress(images.length, images.length);
  const report = {
    ...evaluateVqa(scored, wordnet),
    tookMs: { mean: (performance.now() - startedMs) / scored.length, greatest: slowestMs },
  };
  const heading = `Questions on ${folder}: ${report.questions} about ${images.length} pictures, model ${reader.name}`;
  const without = wordnet === undefined ? `Wu-Palmer         not computed: no WordNet in ${options.wordnet}\n` : '';
  return { report, text: `${heading}\n\n${describe(report)}${without}` };
}

function describe(
  report: VqaReport & { readonly tookMs: { readonly mean: number; readonly greatest: number } },
): string {
  const { exact, first, wuPalmer, official, answered, byCoverage, tookMs } = report;
  const line = (name: string, text: string) => `${name.padEnd(18)}${text}\n`;
  return (
    line('exact match', percentWithInterval(exact)) +
    line('first answer', percentWithInterval(first)) +
    (wuPalmer ? line('Wu-Palmer', wuPalmer.value.toFixed(3)) : '') +
    (official ? line('VQA accuracy', percentWithInterval(official)) : '') +
    line('answered', `${percent(answered.coverage)}, of these right ${percent(answered.accuracy)}`) +
    byCoverage
      .map(({ coverage, accuracy, confidence }) =>
        line(
          `surest ${(100 * coverage).toFixed(0)} %`,
          `right ${percent(accuracy)}, confidence from ${confidence.toFixed(2)}`,
        ),
      )
      .join('') +
    line('time', `${tookMs.mean.toFixed(1)} ms a question, ${tookMs.greatest.toFixed(0)} ms at most`)
  );
}
