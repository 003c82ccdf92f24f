/**
 * What a question asks and of what, by rules over English words: enough to search for its subject, to count, and to follow
 * "it" back through a conversation. Models read questions; this only decides what they are shown.
 */

import type { Modality } from '#shared/core/modality.ts';
import type { Exchange } from './reader.ts';

type QuestionKind =
  /** How many items of the collection show something. */
  | 'count'
  /** Whether any item of the collection does. */
  | 'exists'
  /** Everything else: the best items are read. */
  | 'open';

export interface ParsedQuestion {
  readonly kind: QuestionKind;
  /**
   * What to search for, without the question's own words: `a dog`, `car`. Empty only for an empty question, and for one
   * that counts whatever is there: "how many pictures do I have?"
   */
  readonly subject: string;
  /** When it asks about pictures, sounds or texts only. */
  readonly modality?: Modality;
}

const COLLECTION = `(?:pictures?|photos?|photographs?|images?|sounds?|recordings?|clips?|texts?|documents?|notes?|files?|items?)`;
const OWNER = String.raw`(?:(?:of )?(?:my|the|our|all|these|those)\s+){0,3}`;
const SHOWS = `(?:(?:that |which )?(?:do |does )?(?:show|shows|have|has|contain|contains|include|are|is|mention|mentions)(?: of| about| in)?|with|of|about)`;
/** "Notes on birds" are about them; "a note on the table" lies there. */
const ABOUT = `(?:(?:texts?|documents?|notes?|articles?) about|(?:texts|documents|notes|articles) on)`;
const SHOWN_IN = `(?:${COLLECTION}\\s+${SHOWS}|${ABOUT})`;

const COUNT = new RegExp(
  String.raw`^how many (?:of )?${OWNER}${COLLECTION}\s+(?:(?:do (?:i|we) have|are there)\s+)?${SHOWS}\s+(.+?)(?:\s+(?:do (?:i|we) have|are there))?$`,
);
const ALL = `(?:(?: in)? (?:all|total|here|altogether)| in (?:my|our|the|this) (?:collection|library|index|folder|folders|bucket|album))`;
/** Of what is there, whatever it shows. */
const COUNT_ALL = new RegExp(
  `^how many (?:of )?${OWNER}${COLLECTION}(?: are there| are(?=${ALL}$)| (?:do|have) (?:i|we)(?: have| own| got)?)?${ALL}?$`,
);
const EXISTS = [
  new RegExp(String.raw`^(?:is|are) there (?:(?:an?|any|some)\s+)?${SHOWN_IN}\s+(.+)$`),
  /^(?:is|are) there (?:any |some |(?:any|some)thing (?:about|on) )?(.+)$/,
  new RegExp(`^(?:is|are) any of ${OWNER}${COLLECTION} (?:of|about) (.+)$`),
  new RegExp(
    String.raw`^(?:do|does|have|has) (?:i|we|any of ${OWNER}${COLLECTION}|any ${COLLECTION})\s+(?:have|own|got|show|shows|contain|mention)?\s*(?:an?\b|any\b|some\b)?\s*(?:${SHOWN_IN}\s+)?(.+)$`,
  ),
];

/** Words that ask, and say nothing of what is asked about. */
const ASKING = new Set(
  (
    'a an what which who whom whose where when why how is are was were be been do does did can could will would should has have had ' +
    'the of in on at to from by for with and or but not no many much any some there this that these those it its they them their he she him her his ' +
    'you me my we our i am kind sort type name colour color show shows shown see seen tell please picture pictures photo photos image images'
  ).split(' '),
);

export function parseQuestion(question: string): ParsedQuestion {
  const plain = plainText(question);
  if (COUNT_ALL.test(plain)) return { kind: 'count', subject: '', ...askedModality(plain) };
  const counted = COUNT.exec(plain)?.[1];
  if (counted !== undefined) return { kind: 'count', subject: counted, ...askedModality(plain.replace(counted, '')) };
  for (const pattern of EXISTS) {
    const sought = pattern.exec(plain)?.[1];
    if (sought !== undefined) return { kind: 'exists', subject: sought, ...askedModality(plain.replace(sought, '')) };
  }
  return { kind: 'open', subject: subjectOf(plain) };
}

const MODALITY_WORDS: readonly (readonly [RegExp, Modality])[] = [
  [/\b(?:pictures?|photos?|photographs?|images?)\b/, 'image'],
  [/\b(?:sounds?|recordings?|clips?)\b/, 'audio'],
  [/\b(?:texts?|documents?|notes?|articles?)\b/, 'text'],
];

function askedModality(plain: string): { readonly modality?: Modality } {
  const modality = MODALITY_WORDS.find(([pattern]) => pattern.test(plain))?.[1];
  return modality === undefined ? {} : { modality };
}

/** The words that are asked about, in their order; the whole question when it has no others. */
function subjectOf(plain: string): string {
  const words = plain.split(/\s+/).filter((word) => !ASKING.has(word.replace(/'s$/, '')));
  return words.length > 0 ? words.join(' ') : plain;
}

const plainText = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[?!.,;:"“”]+/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();

const OPENING = /^(?:and|but|so|then|ok(?:ay)?|also)[\s,]+/i;
const PRONOUN = /\b(?:it|that one|this one|they|them|he|she|him|her|that(?=\s*\?*$))\b/i;
/** "what about the cat": the last question again, of something else. */
const INSTEAD = /^(?:what|how) about\s+(.+?)\s*\?*$/i;

/**
 * The question with what it refers to put in: "and what colour is it?" after "is there a car?" becomes "what colour is the
 * car?". Without history, or without a word that points back, it is the question itself.
 */
export function resolveQuestion(question: string, history: readonly Exchange[]): string {
  const opened = question.trim().replace(OPENING, '');
  const previous = history.at(-1);
  if (previous === undefined) return question.trim();
  const before = resolveQuestion(previous.question, history.slice(0, -1));
  const referent = referentOf(before, previous.answer);
  const instead = INSTEAD.exec(opened)?.[1];
  if (instead !== undefined && referent !== undefined) {
    const bare = withoutArticle(instead);
    return before.toLowerCase().includes(referent) ? before.toLowerCase().replace(referent, bare) : opened;
  }
  if (referent === undefined || !PRONOUN.test(opened)) return opened;
  return opened.replace(PRONOUN, `the ${referent}`);
}

const CLOSED_ANSWER = /^(?:yes|no|\d+|none)$/i;
const COLOURS = /^(?:red|green|blue|yellow|orange|purple|pink|brown|black|white|gr[ae]y|teal)$/i;

/** What the last exchange was about: the thing that was its answer, otherwise the thing that it asked about. */
function referentOf(question: string, answer: string): string | undefined {
  const thing = answer.replaceAll('_', ' ').trim().toLowerCase();
  const asksForThing = /^(?:what|which|who)\b/i.test(question) && !/\bcolou?r\b/i.test(question);
  if (asksForThing && thing !== '' && !CLOSED_ANSWER.test(thing) && !COLOURS.test(thing)) return withoutArticle(thing);
  const { kind, subject } = parseQuestion(question);
  const words = kind === 'open' ? subject.split(' ') : withoutArticle(subject).split(' ');
  return words[0] === undefined || words[0] === '' ? undefined : words.slice(0, 3).join(' ');
}

const withoutArticle = (text: string): string =>
  text
    .trim()
    .replace(/^(?:an?|the|some|any)\s+/i, '')
    .toLowerCase();
