/** Text to passages short enough to embed, cut where a reader would pause. */

export interface Passage {
  /** `source.slice(startChar, endChar)`. */
  readonly text: string;
  /** In UTF-16 code units of the source, as JavaScript counts; `endChar` is exclusive. */
  readonly startChar: number;
  readonly endChar: number;
}

export interface PassageOptions {
  /** Longest passage. 600 characters are about 120 words: more than most text towers read, little enough to be of one thing. */
  readonly maxChars?: number;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

const sentences = new Intl.Segmenter(undefined, { granularity: 'sentence' });
const words = new Intl.Segmenter(undefined, { granularity: 'word' });
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** From the best place to cut to the worst. A grapheme (a letter with its accents, an emoji) is never cut. */
const SPLITTERS: readonly ((text: string) => Iterable<number>)[] = [
  (text) => Array.from(text.matchAll(/\n[^\S\n]*\n\s*/g), (gap) => gap.index + gap[0].length),
  (text) => starts(sentences, text),
  (text) => starts(words, text),
  (text) => starts(graphemes, text),
];
const WORD = 3; // from here on pieces are only cut when they are too long for a passage of their own

function* starts(segmenter: Intl.Segmenter, text: string): Generator<number> {
  for (const { index } of segmenter.segment(text)) if (index > 0) yield index;
}

/**
 * The passages of `text` in order. Between them, and before and after, is nothing but white space. Whole paragraphs where
 * they fit, else whole sentences, else whole words. Blank text has none.
 */
export function cutPassages(text: string, { maxChars = 600 }: PassageOptions = {}): Passage[] {
  const passages: Passage[] = [];
  let current: Range = { start: 0, end: 0 };

  const flush = () => {
    const passage = trimmed(text, current);
    if (passage !== undefined) passages.push(passage);
  };
  const add = (piece: Range, level: number) => {
    const length = current.end - current.start;
    const pieceFits = piece.end - piece.start <= maxChars;
    if (piece.end - current.start <= maxChars) {
      current = { start: current.start, end: piece.end };
    } else if ((pieceFits && (length === 0 || length >= maxChars / 4 || level >= WORD)) || level === SPLITTERS.length) {
      flush();
      current = piece;
    } else {
      for (const inner of split(text, piece, SPLITTERS[level]!)) add(inner, level + 1);
    }
  };

  add({ start: 0, end: text.length }, 0);
  flush();
  return passages;
}

function* split(text: string, { start, end }: Range, splitter: (text: string) => Iterable<number>): Generator<Range> {
  let from = start;
  for (const index of splitter(text.slice(start, end))) {
    yield { start: from, end: start + index };
    from = start + index;
  }
  yield { start: from, end };
}

/** Without white space at its ends; undefined when that is all it has. */
function trimmed(text: string, { start, end }: Range): Passage | undefined {
  const endChar = start + text.slice(start, end).trimEnd().length;
  // An accent over a space belongs to the space, so the start is found by graphemes.
  for (const { segment, index } of graphemes.segment(text.slice(start, endChar))) {
    if (segment.trim() !== '') return { text: text.slice(start + index, endChar), startChar: start + index, endChar };
  }
  return undefined;
}
