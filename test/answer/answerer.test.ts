import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnswerDependencies } from '#shared/answer/answer.ts';
import { mergeReadings } from '#shared/answer/answer-from-reading.ts';
import { createAnswerer } from '#shared/answer/answerer.ts';
import { openReader } from '#shared/answer/open-reader.ts';
import { quoteSentence } from '#shared/answer/quote-sentence.ts';
import { createRankingReader, statementOf } from '#shared/answer/ranking-reader.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import type { SearchAnswer } from '#shared/search/query.ts';
import { colourPicture, createFixture, type Fixture } from '../functions/api/api-fixture.ts';
import { makeAnswerModel } from '../models/make-answer-model.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';

let fixture: Fixture;
let answerer: ReturnType<typeof createAnswerer>;

beforeAll(async () => {
  fixture = await createFixture();
  const folder = await makeAnswerModel(join(await temporaryFolder(), 'answers'), { abstainBelow: 0.3 });
  const { search, spaces, zeroShot, mediaStore } = fixture.deps;
  answerer = createAnswerer({
    search,
    index: spaces.items,
    mediaStore,
    reader: await openReader(folder, { openSession: createOnnxSession }),
    ranking: createRankingReader({ space: spaces.members[0], zeroShot }),
  });
  for (const [key, colour] of Object.entries({
    'a/red.png': '#f00',
    'a/crimson.png': '#e01020',
    'b/blue.png': '#00f',
  })) {
    await fixture.put(`/v1/objects/${key}`, await colourPicture(colour), { 'content-type': 'image/png' });
  }
  const note = 'The bill came in March. The house has two cats. Nobody was running.';
  await fixture.put('/v1/objects/notes/house.txt', note, { 'content-type': 'text/plain' });
  await fixture.settle();
});
afterAll(() => fixture.close());

describe('a question about a picture', () => {
  it('is answered with the picture as evidence', async () => {
    const answer = await answerer.answer({
      question: 'what colour is it?',
      image: { kind: 'item', key: 'b/blue.png' },
    });
    expect(answer).toMatchObject({ answer: 'blue', abstained: false, basis: { kind: 'image' } });
    expect(answer.evidence).toEqual([{ key: 'b/blue.png', modality: 'image', part: null, score: answer.confidence }]);
    expect(answer.model).toBe('tiny-answers-1');
  });

  it('goes to the ranking of statements when the reader does not know the choices', async () => {
    const choices = ['crimson', 'cyan'];
    const answer = await answerer.answer({
      question: 'what colour is the square?',
      image: { kind: 'item', key: 'a/crimson.png' },
      choices,
    });
    expect(answer).toMatchObject({ answer: 'crimson', abstained: false });
    expect(answer.model).toMatch(/^tiny-1-/);
  });

  it('is not answered when nothing is likely', async () => {
    const answer = await answerer.answer({
      question: 'what is it?',
      image: { kind: 'data', bytes: await colourPicture('#808080') },
    });
    expect(answer).toMatchObject({ answer: null, abstained: true, evidence: [] });
    expect(answer.alternatives[0]!.confidence).toBe(answer.confidence);
    expect(answer.confidence).toBeLessThan(0.3);
  });

  it('fails with the key when there is no such picture', async () => {
    await expect(
      answerer.answer({ question: 'what is it?', image: { kind: 'item', key: 'none.png' } }),
    ).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('none.png') });
  });
});

describe('a question about the collection', () => {
  it('counts what is expected of all matches, and shows those above the line', async () => {
    const answer = await answerer.answer({ question: 'how many of my pictures show a red square?' });
    expect(answer).toMatchObject({
      answer: '2',
      basis: {
        kind: 'matches',
        query: 'a red square',
        minProbability: 0.5,
        matches: 2,
        expected: expect.closeTo(2, 0),
      },
    });
    expect(answer.evidence.map(({ key }) => key).sort()).toEqual(['a/crimson.png', 'a/red.png']);
  });

  it('says yes or no to whether there is any', async () => {
    const ask = async (question: string) => (await answerer.answer({ question })).answer;
    expect(await ask('do I have any pictures of a blue square?')).toBe('yes');
    expect(await ask('is there a photo of a green square?')).toBe('no');
  });

  it('keeps to its scope', async () => {
    const filter = { kind: 'compare', field: 'key', comparison: { operator: 'prefix', value: 'b/' } } as const;
    const answer = await answerer.answer({ question: 'how many of my pictures show a red square?', scope: { filter } });
    expect(answer).toMatchObject({ answer: '0', evidence: [] });
  });

  it('counts the items themselves when nothing is said of what they show', async () => {
    const filter = { kind: 'compare', field: 'key', comparison: { operator: 'prefix', value: 'a/' } } as const;
    const ask = async (question: string, scope = {}) => (await answerer.answer({ question, scope })).answer;
    expect(await ask('how many pictures are there?')).toBe('3');
    expect(await ask('how many pictures do I have?', { filter })).toBe('2');
    expect(await ask('how many texts are in my collection?')).toBe('1');
    expect(await ask('how many sounds do I have?')).toBe('0');
    expect(await ask('how many files do I have?')).toBe('4');
  });

  it('reads the best pictures and names them', async () => {
    const answer = await answerer.answer({ question: 'what colour is the blue square?' });
    expect(answer).toMatchObject({ answer: 'blue', basis: { kind: 'items', query: 'blue square' } });
    expect(answer.evidence[0]).toMatchObject({ key: 'b/blue.png', modality: 'image' });
  });

  it('quotes a text', async () => {
    const answer = await answerer.answer({ question: 'where are the two cats?' });
    expect(answer.answer).toBe('The house has two cats.');
    expect(answer.evidence[0]).toMatchObject({ key: 'notes/house.txt', modality: 'text' });
  });

  it('follows what was asked before', async () => {
    const history = [{ question: 'is there a blue square?', answer: 'yes' }];
    const answer = await answerer.answer({ question: 'and what colour is it?', history });
    expect(answer).toMatchObject({ question: 'what colour is the blue square?', answer: 'blue' });
  });
});

describe('a count', () => {
  const ask = (question: string, probabilities: readonly number[], matched: 'vector' | 'text' = 'vector') => {
    const results = probabilities.map((probability, i) => ({ key: `${i}.png`, matched, probability, part: null }));
    const search = { search: async () => ({ results }) as unknown as SearchAnswer };
    return createAnswerer({
      ...fixture.deps,
      search,
      ranking: { name: 'ranking' },
    } as unknown as AnswerDependencies).answer({
      question,
    });
  };
  const many = (count: number, probability: number) => Array.from({ length: count }, () => probability);

  it('is the sum of the probabilities, also of what is below the line', async () => {
    const answer = await ask('how many pictures show a dog?', [0.9, 0.8, ...many(100, 0.3)]);
    expect(answer).toMatchObject({
      answer: '32',
      abstained: false,
      basis: { matches: 2, expected: expect.closeTo(31.7) },
    });
    expect(answer.evidence).toHaveLength(2);
    expect(answer.confidence).toBeCloseTo((0.81 + 0.64 + 9) / 31.7);
  });

  it('has an item in it that holds the words, whatever its vector says', async () => {
    expect(await ask('how many documents mention a dog?', [0, 0.1], 'text')).toMatchObject({ answer: '2' });
  });

  it('is not given where some are expected and none can be shown', async () => {
    const abstained = { answer: null, abstained: true, evidence: [] };
    const scattered = many(52, 0.1);
    expect(await ask('how many pictures show a dog?', scattered)).toMatchObject({
      ...abstained,
      alternatives: [{ answer: '5', confidence: expect.closeTo(0.1) }],
    });
    expect(await ask('is there a dog?', scattered)).toMatchObject({ ...abstained, alternatives: [{ answer: 'yes' }] });
    expect(await ask('is there a dog?', many(5, 0.1))).toMatchObject({ answer: 'no', confidence: 0.9 });
  });
});

describe('answers of several items', () => {
  it('count by match probability times confidence', () => {
    const said = (probability: number, answer: string, confidence: number) => ({
      probability,
      candidates: [{ answer, confidence }],
    });
    expect(mergeReadings([said(0.9, 'red', 0.8), said(0.3, 'Red', 0.6), said(0.3, 'blue', 0.9)])).toEqual([
      { answer: 'red', confidence: expect.closeTo((0.9 * 0.8 + 0.3 * 0.6) / 1.5) },
      { answer: 'blue', confidence: expect.closeTo((0.3 * 0.9) / 1.5) },
    ]);
  });

  it('are no surer than the only weak match', () => {
    const [only] = mergeReadings([{ probability: 0.2, candidates: [{ answer: 'red', confidence: 1 }] }]);
    expect(only).toEqual({ answer: 'red', confidence: expect.closeTo(0.2) });
    expect(mergeReadings([])).toEqual([]);
  });
});

describe('a quote', () => {
  it('is the sentence with most of the words', () => {
    const text = 'A car stood there. The red cars were sold in 1999! Nothing else.';
    expect(quoteSentence(text, 'red car sold')).toEqual({ answer: 'The red cars were sold in 1999!', confidence: 1 });
    expect(quoteSentence(text, 'lighthouse')).toBeUndefined();
    expect(quoteSentence('', 'car')).toBeUndefined();
    expect(quoteSentence(text, '')).toBeUndefined();
  });

  it('answers what is asked: a colour, a number', () => {
    const text = 'label: Dog bark. A dog runs. The brown dog sleeps. Two dogs play.';
    expect(quoteSentence(text, 'dog', 'what colour is the dog?')?.answer).toBe('The brown dog sleeps.');
    expect(quoteSentence(text, 'dog', 'how many dogs are there?')?.answer).toBe('Two dogs play.');
    expect(quoteSentence(text, 'dog', 'what does the dog do?')?.answer).toBe('label: Dog bark.');
    expect(quoteSentence('label: Dog bark', 'dog', 'what colour is the dog?')).toBeUndefined();
  });
});

describe('a statement', () => {
  it.each([
    ['what colour is the car?', 'red', 'the car is red'],
    ['what is on the table?', 'a lamp', 'a lamp on the table'],
    ['is there a dog?', 'yes', 'there is a dog'],
    ['where is the cat?', 'on the sofa', 'the cat is on the sofa'],
    ['how many dogs are there?', '2', '2 dogs'],
    ['is the door open?', 'yes', 'the door is open'],
    ['who?', 'Anna', 'who: Anna'],
  ])('%s and %s are "%s"', (question, answer, statement) => {
    expect(statementOf(question, answer)).toBe(statement);
  });
});
