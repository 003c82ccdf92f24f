/** `npm run evaluate -- answers`: which words a collection is asked for, the scores by values computed by hand, and the whole program. */

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { chooseWords } from '#functions/evaluate/choose-words.ts';
import { type AnsweredWord, evaluateCollection } from '#functions/evaluate/collection-answers.ts';
import { type NamedPicture, readNamedPictures } from '#functions/evaluate/named-pictures.ts';
import { openNouns } from '#functions/evaluate/wordnet-nouns.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { colourPicture } from '../api/api-fixture.ts';
import { writeWordNet } from './tiny-wordnet.ts';

const [ANIMAL, ARTIFACT, FOOD, PERSON, ACT] = [5, 6, 13, 18, 4];

const tinyWordNet = () =>
  writeWordNet(
    [
      { id: 1, words: ['animal'] },
      { id: 2, words: ['dog', 'domestic_dog'], parent: 1, kind: ANIMAL },
      { id: 3, words: ['puppy', 'pup'], parent: 2, kind: ANIMAL },
      { id: 4, words: ['poodle'], parent: 2, kind: ANIMAL },
      { id: 5, words: ['cattle'], parent: 1, kind: ANIMAL },
      { id: 6, words: ['ox'], parent: 5, kind: ANIMAL },
      { id: 7, words: ['zebra'], parent: 13, kind: ANIMAL },
      { id: 8, words: ['person'] },
      { id: 9, words: ['man'], parent: 8, kind: PERSON },
      { id: 10, words: ['food'] },
      { id: 11, words: ['hot_dog'], parent: 10, kind: FOOD },
      { id: 12, words: ['running'], kind: ACT },
      { id: 13, words: ['equine'], parent: 1, kind: ANIMAL },
      { id: 14, words: ['watch'], kind: ARTIFACT },
      { id: 15, words: ['picture'], kind: ARTIFACT },
      { id: 16, words: ['red'], kind: ARTIFACT },
    ],
    {
      exceptions: ['men man'],
      counts: ['dog%1:05:00:: 1 42', 'zebra%1:05:00:: 1 1', 'equine%1:05:00:: 1 3', 'watch%1:06:00:: 1 9', 'watch%2:39:00:: 1 77'], // biome-ignore format: a list
    },
  );

const captioned = (...captions: string[]): NamedPicture => ({ path: captions[0]!, captions, labels: [] });

describe('the words that a captioned collection is asked for', () => {
  const pictures = [
    captioned('Two dogs running', 'A picture of puppies'),
    captioned('A puppy watches men .'),
    captioned('a pup'),
    captioned('People eat a hot dog'),
    captioned('cattle, and a man with a red hat'),
  ];
  const words = async (atLeast: number) => chooseWords(pictures, await openNouns(await tinyWordNet()), atLeast);
  const named = async (atLeast: number) =>
    Object.fromEntries((await words(atLeast)).filter(({ kind }) => kind === 'named').map(({ word, truth }) => [word, truth])); // biome-ignore format: one line

  it('are nouns of what pictures show; synonyms are one word, and what is said of a kind is said of the whole', async () => {
    expect(await named(1)).toEqual({ dog: 3, puppy: 3, man: 2, person: 3, 'hot dog': 1, cattle: 1, red: 1 });
  });

  it('are said of as many pictures as asked', async () => {
    expect(await named(2)).toEqual({ puppy: 3, man: 2 });
  });

  it('come with nouns that are named nowhere and of nothing that is, the most frequent first, and with nonsense', async () => {
    const absent = (await words(1)).filter(({ kind }) => kind === 'absent');
    expect(absent.map(({ word }) => word)).toEqual(['equine', 'zebra']); // a poodle may be the dog, an ox the cattle
    const nonsense = (await words(1)).filter(({ kind }) => kind === 'nonsense');
    expect(nonsense.length).toBeGreaterThan(10);
    expect(nonsense).toEqual((await words(5)).filter(({ kind }) => kind === 'nonsense'));
  });

  it('are put into questions', async () => {
    const [one, ox] = [(await words(1)).find(({ word }) => word === 'dog')!, (await words(1)).find(({ word }) => word === 'equine')!]; // biome-ignore format: one line
    expect(one.questions).toEqual({ count: 'how many of my pictures show a dog?', exists: 'is there a dog?' });
    expect(ox.questions.exists).toBe('is there an equine?');
  });

  it('need WordNet', async () => {
    await expect(openNouns(await temporaryFolder())).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the words that a labelled collection is asked for', () => {
  const folder = async () => {
    const at = await temporaryFolder();
    const rows = [
      { image: 'a.png', title: 'Good Shirt', kind: 'Shirts', colour: 'Navy Blue', year: '2012' },
      { image: 'b.png', title: 'Zebra', kind: 'Shirts', colour: 'Red', year: '2013' },
      { image: 'c.png', title: 'Hat', kind: 'Hats', colour: 'Red', split: 'test' },
    ];
    await writeFile(join(at, 'items.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    return at;
  };

  it('are the values of the label columns', async () => {
    const words = chooseWords(await readNamedPictures(await folder(), {}), undefined, 2);
    const named = words.filter(({ kind }) => kind === 'named');
    expect(named.map(({ word, column, truth }) => [word, column, truth])).toEqual([['shirts', 'kind', 2], ['red', 'colour', 2]]); // biome-ignore format: one line
    expect(named[0]!.questions).toEqual({ count: 'how many of my pictures show shirts?', exists: 'is there any shirts?' }); // biome-ignore format: one line
    expect(words.some(({ kind }) => kind === 'absent')).toBe(false);
  });

  it('are those of the columns asked for', async () => {
    const pictures = await readNamedPictures(await folder(), { label: 'colour,year', split: 'test' });
    expect(pictures.map(({ labels }) => labels)).toEqual([[{ column: 'colour', value: 'Red' }]]);
    await expect(readNamedPictures(await folder(), { label: 'size' })).rejects.toThrow(/has the column size/);
  });
});

describe('the scores of a collection', () => {
  const word = (kind: AnsweredWord['kind'], truth: number, said: number | undefined, exists: AnsweredWord['exists'], guess = said): AnsweredWord => ({
    word: 'dog', kind, truth, questions: { count: '', exists: '' }, count: { said, guess }, exists,
  }); // biome-ignore format: one line

  it('are geometric: twice as many and half as many are off alike', () => {
    const { counts } = evaluateCollection([
      word('named', 10, 20, 'yes'),
      word('named', 10, 5, 'yes'),
      word('named', 10, 10, 'yes'),
      word('named', 16, 0, 'no'), // none counts as half a picture: off by 32
    ]);
    expect(counts.factor.value).toBeCloseTo((2 * 2 * 1 * 32) ** (1 / 4), 12);
    expect(counts.ratio.value).toBeCloseTo((2 / 2 / 32) ** (1 / 4), 12);
    expect(counts.withinTwo).toMatchObject({ value: 3 / 4, n: 4 });
    expect(counts.abstained.value).toBe(0);
  });

  it('are of the answered questions, beside the share that was not answered and its best guesses', () => {
    const { counts, exists } = evaluateCollection([
      word('named', 10, 20, 'yes'),
      word('named', 10, undefined, undefined, 80),
    ]);
    expect(counts).toMatchObject({ questions: 2, abstained: { value: 1 / 2 }, factor: { n: 1 }, withinTwo: { value: 1 } }); // biome-ignore format: one line
    expect(counts.factor.value).toBeCloseTo(2, 12);
    expect(counts.guessedFactor.value).toBeCloseTo(4, 12);
    expect(exists.named).toMatchObject({ questions: 2, abstained: { value: 1 / 2 }, right: { value: 1, n: 1 } });
  });

  it('tell words that nothing shows from those that something does', () => {
    const { none, exists } = evaluateCollection([
      word('named', 10, 10, 'no'),
      word('absent', 0, 3, 'yes'),
      word('absent', 0, 0, 'no'),
      word('nonsense', 0, undefined, undefined, 2),
    ]);
    expect(none).toMatchObject({ questions: 3, abstained: { value: 1 / 3 }, right: { value: 1 / 2, n: 2 } });
    expect(exists.named.right).toMatchObject({ value: 0, n: 1 });
    expect(exists.absent.right).toMatchObject({ value: 1 / 2, n: 2 });
    expect(exists.nonsense.right.n).toBe(0);
    expect(exists.all).toMatchObject({ questions: 4, right: { value: 1 / 3, n: 3 } });
  });
});

describe('npm run evaluate -- answers', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../../functions/evaluate/main.ts'), 'answers', ...args]); // biome-ignore format: one line

  it('indexes the pictures of a folder, asks for their words and prints the scores', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'images'));
    const colours = ['#f00', '#e00', '#d00', '#00f', '#00e', '#0f0'];
    const rows = await Promise.all(
      colours.map(async (colour, i) => {
        await writeFile(join(folder, 'images', `green-${i}.png`), await colourPicture(colour));
        return { image: `images/green-${i}.png`, captions: i < 3 ? ['all red', 'a red'] : ['nothing'] };
      }),
    );
    await writeFile(join(folder, 'captions.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const model = await makeModelFolder(join(folder, 'model'));
    const args = [folder, '--model', model, '--wordnet', await tinyWordNet(), '--at-least', '3'];
    const report = JSON.parse((await run(...args, '--json')).stdout);
    expect(report.words[0]).toMatchObject({ word: 'red', truth: 3, count: { said: 3 }, exists: 'yes' });
    expect(report).toMatchObject({ pictures: 6, counts: { questions: 1, factor: { value: 1, n: 1 } } });
    expect(report.exists.nonsense.questions).toBeGreaterThan(10);
    const { stdout } = await run(...args);
    expect(stdout).toMatch(/Answers from 6 pictures of .*, model tiny/);
    expect(stdout).toMatch(/named\s+1\s+0\.0 %\s+1\.00 \(1\.00 to 1\.00\)/);

    await writeFile(join(folder, 'images', 'green-5.png'), 'no picture');
    await expect(run(...args)).rejects.toThrow(/green-5\.png: /);
  }, 120_000);
});
