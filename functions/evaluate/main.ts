/** `npm run evaluate -- retrieval|classification|vqa|answers FOLDER`: standard metrics of a model on a data set in its own format. */

import { readFile } from 'node:fs/promises';
import { parseArgs, styleText } from 'node:util';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { answerQuestions, type VqaOptions } from './answer-questions.ts';
import { askCollection, describeCollection } from './ask-collection.ts';
import { chooseWords } from './choose-words.ts';
import { type ClassificationReport, evaluateClassification, type Outcome } from './classification.ts';
import { composeCollection, composeEvaluation, composeReader, type Evaluation } from './compose.ts';
import type { Estimate } from './confidence-interval.ts';
import { readNamedPictures } from './named-pictures.ts';
import { percent, percentWithInterval } from './percent.ts';
import { type DatasetOptions, readCaptionedImages, readClassPrompts, readLabelledFiles } from './read-dataset.ts';
import { evaluateRetrieval, RECALL_AT } from './retrieval.ts';
import { openNouns } from './wordnet-nouns.ts';

const HELP = `Measure a model on a data set.

  npm run evaluate -- retrieval FOLDER        recall@1, 5, 10 of text to picture and picture to text
  npm run evaluate -- classification FOLDER   zero-shot accuracy of pictures or sounds
  npm run evaluate -- vqa FOLDER              answers about pictures: exact match, Wu-Palmer, VQA's accuracy
  npm run evaluate -- answers FOLDER          answers from the whole collection: how many, is there any

  --model M         name of a model or a model folder (default starter; vqa: reader)
  --data DIR        where pulled models are (default ./.chiasm)
  --split S         only the samples of this split or fold
  --label COLUMN    classification of items.jsonl: the column to predict; answers: only these, separated by commas
  --prompts F       classification: JSON {class: [phrases]}; each class is the mean direction of its phrases, not of its name
  --at-least N      answers: words that are said of N pictures or more (default 10)
  --classes K       only the K most frequent classes
  --annotations F   MSCOCO captions, VQA v2 annotations or DAQUAR's CSV; FOLDER holds the pictures
  --questions F     VQA v2 questions that belong to the annotations
  --wordnet DIR     WordNet's files (default /usr/share/wordnet, Debian's wordnet-base)
  --limit N         only the first N samples
  --json            the report as JSON

Formats: captions.jsonl {image, captions, split?}, items.jsonl {image, title, labels...}, labels.jsonl {audio|image, label,
fold?}, MSCOCO captions, one folder for each class; questions.jsonl {image, questions: [{question, answer}]}, easy-VQA, VQA v2. Intervals are of 95 %.

answers: the pictures alone are indexed and asked for each noun that captions name (a picture shows it when a caption names it or a
kind of it, by WordNet) or each value of the label columns, and for words that occur nowhere. Captions and labels do not name all
that a picture shows: what is taken for true is a floor, so a count above it need not be wrong, nor a yes for a word that nobody said.
`;

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      data: { type: 'string', default: '.chiasm' },
      split: { type: 'string' },
      label: { type: 'string' },
      prompts: { type: 'string' },
      classes: { type: 'string' },
      annotations: { type: 'string' },
      questions: { type: 'string' },
      wordnet: { type: 'string', default: '/usr/share/wordnet' },
      limit: { type: 'string' },
      'at-least': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [task, folder] = positionals;
  if (values.help || folder === undefined || !Object.hasOwn(TASKS, task ?? '')) {
    process.stdout.write(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const options = {
    ...values,
    classes: count('classes', values.classes),
    limit: count('limit', values.limit),
    atLeast: count('at-least', values['at-least']),
  };
  const { report, text } = await TASKS[task as keyof typeof TASKS](folder, options);
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : text);
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new ChiasmError('invalid_request', `--${option}: expected a number from 1, got ${JSON.stringify(text)}`);
}

interface Options extends DatasetOptions, VqaOptions {
  readonly model?: string | undefined;
  readonly data: string;
  readonly atLeast?: number | undefined;
  /** classification: path of a file for `readClassPrompts`. */
  readonly prompts?: string | undefined;
}

const TASKS = {
  retrieval: (folder: string, options: Options) => withEncoder(retrieval, folder, options),
  classification: (folder: string, options: Options) => withEncoder(classification, folder, options),
  vqa: async (folder: string, options: Options) => {
    const reader = await composeReader(options.model ?? 'reader', options.data);
    try {
      return await answerQuestions(reader, folder, options, showProgress);
    } finally {
      await reader.close();
    }
  },
  answers: collectionAnswers,
};

/** Fewer pictures than this make a count of chance. */
const AT_LEAST = 10;

async function collectionAnswers(folder: string, options: Options) {
  const pictures = await readNamedPictures(folder, options);
  const captioned = pictures.some(({ captions }) => captions.length > 0);
  const nouns = await openNouns(options.wordnet).catch((thrown) => {
    if (captioned) throw thrown; // without it nothing tells which words are nouns
    return undefined;
  });
  const words = chooseWords(pictures, nouns, options.atLeast ?? AT_LEAST);
  const paths = pictures.map(({ path }) => path);
  const collection = await composeCollection(options.model ?? 'starter', options.data, paths, showProgress);
  try {
    const report = await askCollection(collection.answerer, words);
    const heading = `Answers from ${pictures.length} pictures of ${folder}, model ${collection.modelName}`;
    const without = nouns === undefined ? `\nno words that are named nowhere: no WordNet in ${options.wordnet}\n` : '';
    return {
      report: { pictures: pictures.length, ...report },
      text: `${heading}\n\n${describeCollection(report)}${without}`,
    };
  } finally {
    await collection.close();
  }
}

async function withEncoder<Result>(
  evaluate: (evaluation: Evaluation, folder: string, options: Options) => Promise<Result>,
  folder: string,
  options: Options,
): Promise<Result> {
  const evaluation = await composeEvaluation(options.model ?? 'starter', options.data);
  try {
    return await evaluate(evaluation, folder, options);
  } finally {
    await evaluation.close();
  }
}

async function retrieval({ embedder, modelName }: Evaluation, folder: string, options: DatasetOptions) {
  const samples = await readCaptionedImages(folder, options);
  const images: Float32Array[] = [];
  const captions: (readonly Float32Array[])[] = [];
  for (const [i, sample] of samples.entries()) {
    showProgress(i, samples.length);
    images.push(await embedder.image(await readFile(sample.path)));
    captions.push(await embedder.texts(sample.captions));
  }
  showProgress(samples.length, samples.length);
  const report = evaluateRetrieval({ images, captions });
  const texts = captions.flat().length;
  const line = (name: string, recalls: Readonly<Record<number, Estimate>>) =>
    `${name.padEnd(18)}${RECALL_AT.map((k) => percentWithInterval(recalls[k]!).padEnd(26)).join('')}\n`;
  const text =
    `Retrieval on ${folder}${options.split ? ` (${options.split})` : ''}: ${images.length} pictures, ${texts} texts, model ${modelName}\n\n` +
    `${''.padEnd(18)}${RECALL_AT.map((k) => `R@${k}`.padEnd(26)).join('')}\n` +
    line('text to picture', report.textToImage) +
    line('picture to text', report.imageToText) +
    `${'chance'.padEnd(18)}${RECALL_AT.map((k) => percent(Math.min(1, k / images.length)).padEnd(26)).join('')}\n`;
  return { report, text };
}

async function classification({ embedder, zeroShot, modelName }: Evaluation, folder: string, options: Options) {
  const samples = await readLabelledFiles(folder, options);
  const classes = [...new Set(samples.map((sample) => sample.label))].sort();
  const labels =
    options.prompts === undefined
      ? classes.map((name) => ({ name }))
      : await readClassPrompts(options.prompts, classes);
  const outcomes: Outcome[] = [];
  for (const [i, { path, modality, label }] of samples.entries()) {
    showProgress(i, samples.length);
    const vector = await embedder[modality](await readFile(path));
    const ranked = await zeroShot.classify({
      input: { vectors: { [modality]: vector } },
      labels,
      multiLabel: false,
    });
    outcomes.push({ truth: label, predicted: ranked[0]!.name, probability: ranked[0]!.probability });
  }
  showProgress(samples.length, samples.length);
  const report = evaluateClassification(outcomes, classes);
  const heading = `Zero-shot classification on ${folder}${options.split ? ` (${options.split})` : ''}: ${samples.length} samples, ${classes.length} classes, model ${modelName}`;
  return { report, text: `${heading}\n\n${describeClassification(report)}` };
}

function describeClassification(report: ClassificationReport): string {
  const confusions = report.confusions.map(
    ({ truth, predicted, count }) => `  ${count} x ${truth} taken for ${predicted}\n`,
  );
  return (
    `accuracy            ${percentWithInterval(report.accuracy)}\n` +
    `macro F1            ${report.macroF1.toFixed(3)}\n` +
    `calibration error   ${report.calibrationError.toFixed(3)}\n` +
    `chance              ${percent(report.chance)}\n` +
    (confusions.length > 0 ? `most frequent confusions\n${confusions.join('')}` : '')
  );
}

/** One line on a terminal; nothing where output goes to a file. */
function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const text = done === total ? '\r\u001b[2K' : `\r${styleText('dim', `embedding ${done} of ${total}`)}`;
  process.stderr.write(text);
}

await main(process.argv.slice(2)).catch((thrown) => {
  process.stderr.write(`${toChiasmError(thrown).message}\n`);
  process.exitCode = 1;
});
