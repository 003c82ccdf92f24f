/** Questions about pictures in the formats of the data sets: easy-VQA, DAQUAR, VQA v2, and JSON lines. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseRows } from '#shared/media/read-csv.ts';
import type { DatasetOptions } from './read-dataset.ts';
import { readJsonFile, readJsonLines, readTextFile } from './read-json-file.ts';

/** One picture with the questions that people asked about it. */
export interface QuestionedImage {
  readonly path: string;
  readonly questions: readonly AskedQuestion[];
}

export interface AskedQuestion {
  readonly question: string;
  /** As people answered: one, or ten in VQA v2. */
  readonly answers: readonly string[];
}

export interface QuestionOptions extends Pick<DatasetOptions, 'annotations' | 'limit'> {
  /** VQA v2: the questions file that belongs to the annotations. */
  readonly questions?: string | undefined;
}

const lineSchema = z.object({
  image: z.string(),
  questions: z.array(z.object({ question: z.string(), answer: z.string() })),
});
const easySchema = z.array(z.tuple([z.string(), z.string(), z.number()]));
const vqaQuestionsSchema = z.object({
  questions: z.array(z.object({ question_id: z.number(), image_id: z.number(), question: z.string() })),
});
const vqaAnnotationsSchema = z.object({
  data_subtype: z.string().optional(),
  annotations: z.array(
    z.object({ question_id: z.number(), answers: z.array(z.object({ answer: z.string() })).min(1) }),
  ),
});

/**
 * `questions.jsonl` {image, questions: [{question, answer}]}; `questions.json` [[question, answer, picture number]] with
 * `images/` (easy-VQA); a CSV {question, answer, image_id} given as `annotations` (DAQUAR); or VQA v2's two files.
 * @throws ChiasmError `invalid_request` when the folder holds none of them
 */
export async function readQuestionedImages(folder: string, options: QuestionOptions): Promise<QuestionedImage[]> {
  const images = await read(folder, options);
  if (images.length === 0) throw new ChiasmError('invalid_request', `cannot evaluate on ${folder}: it has no question`);
  return images.slice(0, options.limit);
}

async function read(folder: string, { annotations, questions }: QuestionOptions): Promise<QuestionedImage[]> {
  if (annotations?.endsWith('.csv')) return readDaquar(folder, annotations);
  if (annotations !== undefined && questions !== undefined) return readVqa(folder, questions, annotations);
  const files = await readdir(folder);
  if (files.includes('questions.jsonl')) {
    const rows = await readJsonLines(join(folder, 'questions.jsonl'), lineSchema);
    return rows.map(({ image, questions: asked }) => {
      return { path: join(folder, image), questions: asked.map((one) => single(one.question, one.answer)) };
    });
  }
  if (files.includes('questions.json')) {
    const rows = await readJsonFile(join(folder, 'questions.json'), easySchema);
    return [...Map.groupBy(rows, ([, , number]) => number)].map(([number, asked]) => ({
      path: join(folder, 'images', `${number}.png`),
      questions: asked.map(([question, answer]) => single(question, answer)),
    }));
  }
  throw new ChiasmError(
    'invalid_request',
    `cannot evaluate on ${folder}: expected questions.jsonl, easy-VQA's questions.json, --annotations FILE.csv (DAQUAR), ` +
      "or VQA v2's --annotations and --questions",
  );
}

const single = (question: string, answer: string): AskedQuestion => ({ question, answers: [answer] });

async function readDaquar(folder: string, file: string): Promise<QuestionedImage[]> {
  const [header = [], ...rows] = parseRows(await readTextFile(file), ',');
  const column = (name: string) => {
    const index = header.indexOf(name);
    if (index >= 0) return index;
    throw new ChiasmError('invalid_request', `${file}: expected the columns question, answer, image_id`);
  };
  const needed = [column('question'), column('answer'), column('image_id')] as const;
  const [question, answer, image] = needed;
  const short = rows.findIndex((row) => needed.some((index) => (row[index] ?? '').trim() === ''));
  if (short >= 0) {
    const place = `${file}: row ${short + 2}`; // after the header, counted from 1
    throw new ChiasmError('invalid_request', `${place} lacks a question, an answer or an image_id`);
  }
  return [...Map.groupBy(rows, (row) => row[image]!)].map(([name, asked]) => ({
    path: join(folder, `${name}.png`),
    questions: asked.map((row) => single(row[question]!, row[answer]!)),
  }));
}

async function readVqa(folder: string, questionsFile: string, annotationsFile: string): Promise<QuestionedImage[]> {
  const { questions } = await readJsonFile(questionsFile, vqaQuestionsSchema);
  const { annotations, data_subtype: part } = await readJsonFile(annotationsFile, vqaAnnotationsSchema);
  const answers = new Map(annotations.map((one) => [one.question_id, one.answers.map(({ answer }) => answer)]));
  const present = new Set(await readdir(folder));
  const fileOf = (id: number) => {
    const number = String(id).padStart(12, '0');
    return [`COCO_${part ?? 'val2014'}_${number}.jpg`, `${number}.jpg`, `${id}.jpg`].find((name) => present.has(name));
  };
  return [...Map.groupBy(questions, (one) => one.image_id)].flatMap(([id, asked]): QuestionedImage[] => {
    const file = fileOf(id);
    const known = asked.flatMap(({ question, question_id }): AskedQuestion[] => {
      const own = answers.get(question_id);
      return own === undefined ? [] : [{ question, answers: own }];
    });
    return file === undefined || known.length === 0 ? [] : [{ path: join(folder, file), questions: known }];
  });
}
