/** `npm run evaluate -- vqa`: the formats of the data sets, and the scores by values that were computed by hand. */

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readQuestionedImages } from '#functions/evaluate/read-questions.ts';
import { evaluateVqa, type ScoredAnswer } from '#functions/evaluate/vqa.ts';
import { officialForm, vqaAccuracy } from '#functions/evaluate/vqa-accuracy.ts';
import { openWordNet } from '#functions/evaluate/wordnet.ts';
import { makeAnswerModel } from '../../models/make-answer-model.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { colourPicture } from '../api/api-fixture.ts';
import { writeWordNet } from './tiny-wordnet.ts';

async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const VQA_QUESTIONS = {
  questions: [
    { question_id: 1, image_id: 42, question: 'what colour?' },
    { question_id: 2, image_id: 42, question: 'is it red?' },
    { question_id: 3, image_id: 43, question: 'of a picture that is not here' },
    { question_id: 4, image_id: 42, question: 'that nobody has answered' },
  ],
};
const vqaAnnotations = (ids: readonly number[]) => ({
  data_subtype: 'val2014',
  annotations: ids.map((id) => ({
    question_id: id,
    answers: Array.from({ length: 10 }, (_, i) => ({ answer: i < 7 ? 'red' : 'blue', answer_confidence: 'yes' })),
  })),
});

describe('questions', () => {
  it("are read from easy-VQA's files, picture by picture", async () => {
    const rows = [
      ['what colour?', 'red', 0],
      ['what shape?', 'circle', 1],
      ['is it red?', 'yes', 0],
    ];
    const folder = await folderOf({ 'questions.json': JSON.stringify(rows) });
    expect(await readQuestionedImages(folder, {})).toEqual([
      {
        path: join(folder, 'images', '0.png'),
        questions: [
          { question: 'what colour?', answers: ['red'] },
          { question: 'is it red?', answers: ['yes'] },
        ],
      },
      { path: join(folder, 'images', '1.png'), questions: [{ question: 'what shape?', answers: ['circle'] }] },
    ]);
    expect(await readQuestionedImages(folder, { limit: 1 })).toHaveLength(1);
  });

  it.each(['\n', '\r\n'])(
    "are read from DAQUAR's table, whatever the order of its columns and its line ends",
    async (end) => {
      const csv = [
        'image_id,question,answer',
        'image3,"what is on the desk, left?","lamp, book"',
        'image3,how many?,2',
        '',
      ];
      const folder = await folderOf({ 'data.csv': csv.join(end) });
      expect(await readQuestionedImages(folder, { annotations: join(folder, 'data.csv') })).toEqual([
        {
          path: join(folder, 'image3.png'),
          questions: [
            { question: 'what is on the desk, left?', answers: ['lamp, book'] },
            { question: 'how many?', answers: ['2'] },
          ],
        },
      ]);
    },
  );

  it('are read from the two files of VQA v2, as far as pictures and answers are there', async () => {
    const folder = await folderOf({
      'questions.json': JSON.stringify(VQA_QUESTIONS),
      'annotations.json': JSON.stringify(vqaAnnotations([1, 2, 3])),
      'images/COCO_val2014_000000000042.jpg': '',
    });
    const images = join(folder, 'images');
    const options = { annotations: join(folder, 'annotations.json'), questions: join(folder, 'questions.json') };
    const [image, ...others] = await readQuestionedImages(images, options);
    expect(others).toEqual([]);
    expect(image!.path).toBe(join(images, 'COCO_val2014_000000000042.jpg'));
    expect(image!.questions.map(({ question }) => question)).toEqual(['what colour?', 'is it red?']);
    expect(image!.questions[0]!.answers).toHaveLength(10);
  });

  it('are read from JSON lines', async () => {
    const line = { image: 'a.jpg', questions: [{ question: 'what?', answer: 'that' }] };
    const folder = await folderOf({ 'questions.jsonl': `${JSON.stringify(line)}\n\n` });
    expect(await readQuestionedImages(folder, {})).toEqual([
      { path: join(folder, 'a.jpg'), questions: [{ question: 'what?', answers: ['that'] }] },
    ]);
  });

  it.each([
    ['no file that it knows', { 'readme.txt': 'x' }, {}, /expected questions\.jsonl/],
    ['no question', { 'questions.json': '[]' }, {}, /has no question/],
    ['text that is no JSON', { 'questions.json': '[["what?", "red", 0]' }, {}, /questions\.json is not JSON/],
    ['JSON of another form', { 'questions.json': '[["what?", 0]]' }, {}, /questions\.json: /],
    ['a line that is no JSON', { 'questions.jsonl': '{}x' }, {}, /questions\.jsonl:1 is not JSON/],
    ['a line without questions', { 'questions.jsonl': '\n{"image": "a.jpg"}' }, {}, /questions\.jsonl:2: /],
    ['a table without a column', { 'd.csv': 'question,answer\nwhat?,red\n' }, { annotations: 'd.csv' }, /expected the columns/],
    ['a table with a short row', { 'd.csv': 'question,answer,image_id\na?,b,c\nd?,e\n' }, { annotations: 'd.csv' }, /row 3 lacks/],
    ['a table of bytes', { 'd.csv': Buffer.from([0xff, 0xfe, 0x00, 0x01]) }, { annotations: 'd.csv' }, /expected the columns/],
    ['no such table', {}, { annotations: 'd.csv' }, /d\.csv cannot be read/],
    ['annotations without answers', { 'q.json': JSON.stringify(VQA_QUESTIONS), 'a.json': '{"annotations": [{"question_id": 1, "answers": []}]}' }, { annotations: 'a.json', questions: 'q.json' }, /a\.json: /],
    ['the two files the wrong way round', { 'q.json': JSON.stringify(VQA_QUESTIONS), 'a.json': JSON.stringify(vqaAnnotations([1])) }, { annotations: 'q.json', questions: 'a.json' }, /a\.json: /],
  ] as const)('are refused in a folder with %s', async (_, files, options, message) => {
    const folder = await folderOf(files);
    const given = Object.fromEntries(Object.entries(options).map(([name, file]) => [name, join(folder, file)]));
    await expect(readQuestionedImages(folder, given)).rejects.toThrow(message);
  }); // biome-ignore format: a table
});

describe("VQA's official accuracy", () => {
  const answers = (agreeing: number) => Array.from({ length: 10 }, (_, i) => (i < agreeing ? 'yes' : `other ${i}`));

  it.each([
    [0, 0],
    [1, (9 * (1 / 3)) / 10],
    [2, (2 * (1 / 3) + 8 * (2 / 3)) / 10],
    [3, (3 * (2 / 3) + 7) / 10],
    [4, 1],
    [10, 1],
  ])('with %i of ten people is %f', (agreeing, accuracy) => {
    expect(vqaAccuracy('yes', answers(agreeing))).toBeCloseTo(accuracy, 12);
  });

  it('of one person is that of the same answer', () => {
    expect(vqaAccuracy('Two.', ['2'])).toBe(1);
    expect(vqaAccuracy('two', ['three'])).toBe(0);
  });

  it.each([
    ['The Dog.', 'dog'],
    ['two', '2'],
    ['none', '0'],
    ['10,000', '10000'],
    ['red, white', 'red white'],
    ['1.5', '1.5'],
    ["don't  know!", "don't know"],
    ['', ''],
  ])('takes %j as %j', (answer, form) => {
    expect(officialForm(answer)).toBe(form);
  });
});

/** entity > object > animal > (dog = hound, cat); a chain level_0 > ... > level_7 beside it. */
function tinyWordNet(): Promise<string> {
  const chain = Array.from({ length: 8 }, (_, i) => ({ id: 10 + i, words: [`level_${i}`], ...(i > 0 && { parent: 9 + i }) })); // biome-ignore format: one line
  const senses = [
    { id: 1, words: ['entity'] },
    { id: 2, words: ['object'], parent: 1 },
    { id: 3, words: ['animal'], parent: 2 },
    { id: 4, words: ['dog', 'hound'], parent: 3 },
    { id: 5, words: ['cat'], parent: 3 },
    { id: 6, words: ['mouse'], parent: 3 },
    ...chain,
  ];
  return writeWordNet(senses, { exceptions: ['mice mouse'] });
}

describe('Wu-Palmer similarity', () => {
  it.each([
    ['dog', 'dog', 1],
    ['dog', 'hound', 1],
    ['dog', 'cat', 0.1 * ((2 * 3) / (1 + 1 + 2 * 3))], // below the line: a tenth
    ['dog', 'animal', 0.1 * ((2 * 3) / (1 + 0 + 2 * 3))],
    ['level_6', 'level_7', (2 * 7) / (0 + 1 + 2 * 7)], // 0.933, above the line
    ['dogs', 'dog', 1],
    ['mice', 'mouse', 1],
    ['dog', 'level_7', 0],
    ['dog', 'garbage bin', 0],
    ['garbage bin', 'garbage bin', 1],
  ])('of %s and %s is %f', async (a, b, similarity) => {
    const wordnet = await openWordNet(await tinyWordNet());
    expect(wordnet.similarity(a, b)).toBeCloseTo(similarity, 12);
    expect(wordnet.similarity(b, a)).toBeCloseTo(similarity, 12);
  });

  it('needs its files', async () => {
    await expect(openWordNet(await temporaryFolder())).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the scores of answers', () => {
  const said = (
    image: number,
    truth: string,
    predicted: string,
    confidence: number,
    abstained = false,
  ): ScoredAnswer => {
    return { image, answers: [truth], predicted, confidence, abstained };
  };

  it('are shares of all answers, with coverage by confidence', async () => {
    const scored = [
      said(0, 'red', 'Red', 0.9),
      said(0, 'lamp, book', 'lamp,book', 0.8),
      said(1, 'lamp, book', 'lamp', 0.7),
      said(1, 'dog', 'cat', 0.1, true),
      said(2, 'garbage bin', 'garbage_bin', 0.6),
    ];
    const report = evaluateVqa(scored, await openWordNet(await tinyWordNet()));
    expect(report.questions).toBe(5);
    expect(report.exact).toMatchObject({ value: 3 / 5, n: 3 });
    expect(report.first.value).toBe(4 / 5);
    expect(report.wuPalmer!.value).toBeCloseTo((4 + 0.075) / 5, 12);
    expect(report.official).toBeUndefined();
    expect(report.answered).toEqual({ coverage: 4 / 5, accuracy: 3 / 4 });
    expect(report.byCoverage.map(({ accuracy }) => accuracy)).toEqual([3 / 5, 3 / 4, 2 / 3, 1, 1]);
    expect(report.byCoverage.map(({ confidence }) => confidence)).toEqual([0.1, 0.6, 0.7, 0.8, 0.9]);
  });

  it('have the official accuracy where ten people answered', () => {
    const answers = Array.from({ length: 10 }, (_, i) => (i < 2 ? 'red' : 'blue'));
    const report = evaluateVqa([{ image: 0, answers, predicted: 'red', confidence: 1, abstained: false }], undefined);
    expect(report.official!.value).toBeCloseTo(0.6, 12);
    expect(report.wuPalmer).toBeUndefined();
  });
});

describe('npm run evaluate -- vqa', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../../functions/evaluate/main.ts'), 'vqa', ...args]); // biome-ignore format: one line

  it('asks a model about the pictures of a folder and prints the scores', async () => {
    const rows = [
      ['what colour is it?', 'red', 0],
      ['a dog?', 'no', 0],
      ['what colour is it?', 'blue', 1],
    ];
    const folder = await folderOf({
      'questions.json': JSON.stringify(rows),
      'images/0.png': await colourPicture('#f00'),
      'images/1.png': await colourPicture('#00f'),
    });
    const model = await makeAnswerModel(join(folder, 'answers'), { abstainBelow: 0.3 });
    const args = [folder, '--model', model, '--wordnet', await tinyWordNet()];
    const report = JSON.parse((await run(...args, '--json')).stdout);
    expect(report).toMatchObject({ questions: 3, exact: { value: 2 / 3, n: 2 }, answered: { coverage: 1 } });
    const { stdout } = await run(...args, '--limit', '1');
    expect(stdout).toMatch(/2 about 1 pictures, model tiny-answers-1/);
    expect(stdout).toMatch(/exact match\s+50\.0 %/);
    await expect(run(...args, '--limit', 'all')).rejects.toThrow(/--limit: expected a number from 1, got "all"/);

    await writeFile(join(folder, 'images', '1.png'), 'no picture');
    await expect(run(...args)).rejects.toThrow(/1\.png: .*expected a picture|1\.png: /);
  }, 120_000);
});
