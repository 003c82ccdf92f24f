/**
 * Words of a text, the same for what is indexed and for what is asked: folded (compatibility forms, case, accents) and cut
 * at the boundaries inside names such as `IMG_2041_beach.jpg`, `RE16TGK`, `photoOfBeach`. Scripts that write without
 * spaces give one word for each character; a run of them is asked for as a phrase.
 */

export interface Word {
  /** The whole word, folded. */
  readonly whole: string;
  /** Its pieces, folded: `re`, `16`, `tgk`. One piece equal to `whole` when there is no boundary inside. */
  readonly pieces: readonly string[];
  /** UTF-16 offsets in the text. */
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
// lower|Upper, UPPER|Upper lower, letter|digit, digit|letter, and around each character of a script without spaces
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}';
const BOUNDARY = new RegExp(
  [
    '(?<=[\\p{Ll}\\p{Lo}])(?=\\p{Lu})',
    '(?<=\\p{Lu})(?=\\p{Lu}\\p{Ll})',
    '(?<=[\\p{L}\\p{M}])(?=\\p{N})',
    '(?<=\\p{N})(?=\\p{L})',
    `(?<=[${UNSPACED}])(?=[\\p{L}\\p{N}])`,
    `(?<=[\\p{L}\\p{N}])(?=[${UNSPACED}])`,
  ].join('|'),
  'u',
);
const HAS_UNSPACED = new RegExp(`[${UNSPACED}]`, 'u');
const MAX_WORD_CHARACTERS = 128;

export function* wordsOf(text: string): Generator<Word> {
  for (const match of text.matchAll(WORD)) {
    const word = match[0];
    const end = match.index + word.length;
    for (const run of word.length > MAX_WORD_CHARACTERS ? chunks(word) : [word]) {
      const whole = fold(run);
      if (whole !== '') yield { whole, pieces: piecesOf(run, whole), start: match.index, end };
    }
  }
}

/** The text as the index stores it: folded words separated by spaces, a word with boundaries followed by its pieces. */
export function indexedText(text: string): string {
  const tokens: string[] = [];
  for (const { whole, pieces } of wordsOf(text)) {
    if (pieces.length === 1 || !HAS_UNSPACED.test(whole)) tokens.push(whole);
    if (pieces.length > 1) tokens.push(...pieces);
  }
  return tokens.join(' ');
}

export interface WordQuery {
  /** FTS5 MATCH expression of parts that hold all the words. */
  readonly whole: string;
  /** The same with the last word as the beginning of one, and with plurals in the singular too. */
  readonly begun: string;
  /** Whether a word of a text is one of those asked for, for marking it. */
  matches(word: Word): boolean;
}

/** English words that say nothing about what is looked for: "a red circle" asks for what is named "red circle". */
const FUNCTION_WORDS = new Set(
  'a about an and are at by for from in is of on or that the this to was were with'.split(' '),
);

/** Undefined when the text has no words. Function words count only where there are no others. */
export function parseWords(text: string, maxWords = 32): WordQuery | undefined {
  const said = [...wordsOf(text)].slice(0, maxWords);
  const telling = said.filter(({ whole }) => !FUNCTION_WORDS.has(whole));
  const words = telling.length > 0 ? telling : said;
  const last = words.at(-1);
  if (last === undefined) return undefined;
  const all = (loose: boolean) =>
    words.map((word) => (loose ? looseExpressionOf(word, word === last) : expressionOf(word, false))).join(' AND ');
  const exact = new Set(words.flatMap((word) => [word.whole, ...word.pieces, ...singularsOf(word)]));
  const beginnings = [last.whole, last.pieces.at(-1)!];
  const hit = (token: string) => exact.has(token) || beginnings.some((beginning) => token.startsWith(beginning));
  return { whole: all(false), begun: all(true), matches: (word) => hit(word.whole) || word.pieces.some(hit) };
}

/** Words hold letters, digits and marks only, so quoting them makes FTS5's own syntax unreachable. */
function expressionOf(word: Word, prefix: boolean): string {
  const star = prefix ? ' *' : '';
  const phrase = `"${word.pieces.join(' ')}"${star}`;
  if (word.pieces.length === 1) return phrase;
  return HAS_UNSPACED.test(word.whole) ? phrase : `("${word.whole}"${star} OR ${phrase})`;
}

function looseExpressionOf(word: Word, prefix: boolean): string {
  const expression = expressionOf(word, prefix);
  const singulars = singularsOf(word).map((one) => `"${one}"`);
  return singulars.length === 0 ? expression : `(${[expression, ...singulars].join(' OR ')})`;
}

/** What an English plural may be one of: who asks for dogs means the note about a dog too. Empty for what does not look like one. */
function singularsOf({ whole, pieces }: Word): readonly string[] {
  if (pieces.length > 1 || !/^[a-z]{2,}[^sui]s$/.test(whole)) return [];
  const one = whole.slice(0, -1);
  if (whole.endsWith('ies')) return [one, `${whole.slice(0, -3)}y`]; // movie, berry
  return [/(?:ch|sh|x|ss)es$/.test(whole) ? one.slice(0, -1) : one];
}

function piecesOf(word: string, whole: string): readonly string[] {
  const pieces = word
    .split(BOUNDARY)
    .map(fold)
    .filter((piece) => piece !== '');
  return pieces.length > 1 ? pieces : [whole];
}

function fold(word: string): string {
  return word
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]|[^\p{L}\p{N}\p{M}]/gu, '') // accents; marks of other scripts are part of their letters
    .normalize('NFC');
}

function chunks(word: string): string[] {
  const characters = Array.from(word);
  const parts: string[] = [];
  for (let i = 0; i < characters.length; i += MAX_WORD_CHARACTERS) {
    parts.push(characters.slice(i, i + MAX_WORD_CHARACTERS).join(''));
  }
  return parts;
}
