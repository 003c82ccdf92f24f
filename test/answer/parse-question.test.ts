import { describe, expect, it } from 'vitest';
import { parseQuestion, resolveQuestion } from '#shared/answer/parse-question.ts';

describe('a question is', () => {
  it.each([
    ['how many of my pictures show a dog?', 'count', 'a dog', 'image'],
    ['How many photos have a red car', 'count', 'a red car', 'image'],
    ['how many recordings are of rain?', 'count', 'rain', 'audio'],
    ['how many pictures do I have of the beach?', 'count', 'the beach', 'image'],
    ['how many photos are there of a beach?', 'count', 'a beach', 'image'],
    ['how many pictures of a dog do I have?', 'count', 'a dog', 'image'],
    ['how many pictures of two dogs are there?', 'count', 'two dogs', 'image'],
    ['how many pictures are there?', 'count', '', 'image'],
    ['How many sounds do I have in total?', 'count', '', 'audio'],
    ['how many files are in my collection', 'count', '', undefined],
    ['how many pictures are in the snow?', 'count', 'the snow', 'image'],
    ['do I have any pictures of a cat?', 'exists', 'a cat', 'image'],
    ['Is there a photo of a lighthouse?', 'exists', 'a lighthouse', 'image'],
    ['do any of my documents mention insurance?', 'exists', 'insurance', 'text'],
    ['do I have any notes about insurance?', 'exists', 'insurance', 'text'],
    ['Are there articles on birds?', 'exists', 'birds', 'text'],
    ['how many clips are of rain?', 'count', 'rain', 'audio'],
    ['is there anything about insurance?', 'exists', 'insurance', undefined],
    ['is there a note on the table?', 'exists', 'a note on the table', undefined],
    ['is there a picture on the wall?', 'exists', 'a picture on the wall', undefined],
    ['is there a clip in her hair?', 'exists', 'a clip in her hair', undefined],
    ['is there an article of clothing?', 'exists', 'an article of clothing', undefined],
    ['are any of my pictures of a dog?', 'exists', 'a dog', 'image'],
    ['what colour is the car?', 'open', 'car', undefined],
    ['what is on the table?', 'open', 'table', undefined],
    ['is there a dog?', 'exists', 'a dog', undefined],
    ['are there any dogs on the beach?', 'exists', 'dogs on the beach', undefined],
    ['how many dogs are there?', 'open', 'dogs', undefined],
    ['where is it?', 'open', 'where is it', undefined],
    ['???', 'open', '', undefined],
  ] as const)('%s', (question, kind, subject, modality) => {
    expect(parseQuestion(question)).toEqual({ kind, subject, ...(modality && { modality }) });
  });

  it('parsed in no time, however it is built', () => {
    const hostile = `how many of ${'my '.repeat(600)}pictures ${'show '.repeat(100)}`;
    const startedMs = performance.now();
    parseQuestion(hostile);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});

describe('a follow-up', () => {
  const after = (question: string, ...history: [string, string][]) =>
    resolveQuestion(
      question,
      history.map(([asked, answer]) => ({ question: asked, answer })),
    );

  it.each([
    ['and what colour is it?', [['is there a car?', 'yes']], 'what colour is the car?'],
    ['what colour is it?', [['what is on the table?', 'garbage_bin']], 'what colour is the garbage bin?'],
    [
      'and where is it?',
      [
        ['is there a car?', 'yes'],
        ['what colour is it?', 'red'],
      ],
      'where is the car?',
    ],
    ['what about the truck?', [['what colour is the car?', 'red']], 'what colour is the truck?'],
    ['how many of them are there?', [['are there dogs?', 'yes']], 'how many of the dogs are there?'],
    ['is there a dog?', [['is there a car?', 'yes']], 'is there a dog?'],
    ['and what colour is it?', [], 'and what colour is it?'],
  ] as [string, [string, string][], string][])('%s after %j', (question, history, resolved) => {
    expect(after(question, ...history)).toBe(resolved);
  });
});
