import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPassages } from '#shared/media/cut-passages.ts';

const texts = (text: string, maxChars?: number) =>
  cutPassages(text, maxChars === undefined ? {} : { maxChars }).map((passage) => passage.text);

describe('cutPassages', () => {
  it('keeps a short text whole, without the white space around it', () => {
    expect(cutPassages('\n  Two words. \n\n And more.\n')).toEqual([
      { text: 'Two words. \n\n And more.', startChar: 3, endChar: 26 },
    ]);
  });

  it('cuts between paragraphs where they fit', () => {
    const paragraphs = ['a', 'b', 'c'].map((letter) => `${letter.repeat(30)}. ${letter.repeat(20)}.`);
    expect(texts(paragraphs.join('\n\n'), 60)).toEqual(paragraphs);
  });

  it('cuts a long paragraph between sentences', () => {
    expect(texts('It rained all day. Nobody went out! Why should they? The end.', 40)).toEqual([
      'It rained all day. Nobody went out!',
      'Why should they? The end.',
    ]);
  });

  it('cuts a long sentence between words, and a long word between letters', () => {
    expect(texts('one two three four five', 10)).toEqual(['one two', 'three four', 'five']);
    expect(texts('x'.repeat(25), 10)).toEqual(['x'.repeat(10), 'x'.repeat(10), 'x'.repeat(5)]);
  });

  it('keeps a heading with what follows', () => {
    const [first] = texts(`Heading\n\n${'Some sentence here. '.repeat(40)}`, 200);
    expect(first).toMatch(/^Heading\n\nSome sentence here\./);
  });

  it('cuts text without spaces', () => {
    const passages = texts('日本語の文章です。とても長いです。'.repeat(20), 50);
    expect(passages.every((passage) => passage.length <= 50)).toBe(true);
    expect(passages.join('')).toBe('日本語の文章です。とても長いです。'.repeat(20));
  });

  it('has none for blank text', () => {
    expect(cutPassages(' \n\n\t ')).toEqual([]);
    expect(cutPassages('')).toEqual([]);
  });
});

describe('for any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom(' ', '\n', '\n\n', '. ', '! ', '👩‍👩‍👧‍👦', 'e\u0301', '🇫🇷🇩🇪', 'नमस्ते', 'สวัสดีครับ', 'x'.repeat(30)),
  );
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
  const maxChars = fc.integer({ min: 15, max: 80 });

  it('passages are slices in order, with nothing but white space between them', () => {
    fc.assert(
      fc.property(text, maxChars, (source, max) => {
        let end = 0;
        for (const passage of cutPassages(source, { maxChars: max })) {
          expect(source.slice(passage.startChar, passage.endChar)).toBe(passage.text);
          expect(source.slice(end, passage.startChar).trim()).toBe('');
          expect(passage.text.trim()).not.toBe('');
          end = passage.endChar;
        }
        expect(source.slice(end).trim()).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('no passage is longer than the limit unless it is one grapheme', () => {
    const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
    fc.assert(
      fc.property(text, maxChars, (source, max) => {
        for (const passage of cutPassages(source, { maxChars: max })) {
          if (passage.text.length > max) expect([...graphemes.segment(passage.text)]).toHaveLength(1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('no grapheme is cut, but for white space at its end', () => {
    const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
    fc.assert(
      fc.property(text, maxChars, (source, max) => {
        const segments = [...graphemes.segment(source)];
        const starts = new Set(segments.map(({ index }) => index));
        const ends = new Set(segments.map(({ index, segment }) => index + segment.trimEnd().length));
        for (const { startChar, endChar } of cutPassages(source, { maxChars: max })) {
          expect(starts.has(startChar)).toBe(true);
          expect(ends.has(endChar)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
