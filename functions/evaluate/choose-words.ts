/**
 * What a collection is asked for: words that its captions or labels name, with the number of pictures that they are said of,
 * and words that occur nowhere.
 */

import { createRandom } from '#shared/core/random.ts';
import type { NamedPicture } from './named-pictures.ts';
import type { Noun, Nouns } from './wordnet-nouns.ts';

export interface AskedWord {
  readonly word: string;
  /** `absent`: a noun of things that captions would name, which none does. `nonsense`: no word at all. */
  readonly kind: 'named' | 'absent' | 'nonsense';
  /** Where the word is a label. */
  readonly column?: string;
  /** Pictures that it is said of. */
  readonly truth: number;
  readonly questions: { readonly count: string; readonly exists: string };
}

/** Of what the absent words are: a caption or a label names these where a picture shows them. */
const REMARKABLE = ['animal', 'food', 'vehicle', 'musical instrument'];
const ABSENT_WORDS = 40;
const NONSENSE_WORDS = 20;
/** What a question takes for the collection itself. */
const COLLECTION: ReadonlySet<string> = new Set([
  'picture',
  'photo',
  'photograph',
  'image',
  'text',
  'document',
  'item',
]);

/** @param atLeast a word is asked for when this many pictures are said to show it */
export function chooseWords(
  pictures: readonly NamedPicture[],
  nouns: Nouns | undefined,
  atLeast: number,
): readonly AskedWord[] {
  const texts = pictures.map(({ captions, labels }) => [...captions, ...labels.map(({ value }) => value)]);
  const said = new Set(texts.flat().flatMap(wordsOf));
  const named = nouns && nounsSaid(texts, nouns);
  const captioned = pictures.some(({ captions }) => captions.length > 0);
  return [
    ...(captioned && named ? wordsOfCaptions(named, atLeast) : wordsOfLabels(pictures, atLeast)),
    ...(nouns && named ? absentWords(nouns, named, said) : []),
    ...nonsense(said),
  ];
}

/** What captions name, by the sense of the noun. */
interface NounsSaid {
  /** Word -> numbers of the pictures that it is said of, for each sense. */
  readonly direct: ReadonlyMap<number, ReadonlyMap<string, ReadonlySet<number>>>;
  /** Numbers of the pictures that it, or a kind of it, is said of. */
  readonly withKinds: ReadonlyMap<number, ReadonlySet<number>>;
}

function nounsSaid(texts: readonly (readonly string[])[], nouns: Nouns): NounsSaid {
  const direct = new Map<number, Map<string, Set<number>>>();
  const withKinds = new Map<number, Set<number>>();
  for (const [picture, own] of texts.entries()) {
    for (const { word, sense } of own.flatMap((text) => nounsOf(text, nouns))) {
      const words = getOrInsert(direct, sense, () => new Map<string, Set<number>>());
      getOrInsert(words, word, () => new Set<number>()).add(picture);
      for (const above of nouns.above(sense)) getOrInsert(withKinds, above, () => new Set<number>()).add(picture);
    }
  }
  return { direct, withKinds };
}

const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[a-z]+/g) ?? [];

/** Of two words that are one noun together (`hot dog`), neither counts by itself. */
function nounsOf(text: string, nouns: Nouns): readonly Noun[] {
  const words = wordsOf(text);
  const found: Noun[] = [];
  for (let i = 0; i < words.length; i++) {
    const pair = i + 1 < words.length ? nouns.nounOf(`${words[i]} ${words[i + 1]}`) : undefined;
    const noun = pair ?? nouns.nounOf(words[i]!);
    if (noun !== undefined) found.push(noun);
    if (pair !== undefined) i++;
  }
  return found;
}

/** One word for each sense, the one that is said most. */
function wordsOfCaptions({ direct, withKinds }: NounsSaid, atLeast: number): readonly AskedWord[] {
  return [...direct].flatMap(([sense, words]): AskedWord[] => {
    const [word] = [...words].sort(([, a], [, b]) => b.size - a.size)[0]!;
    const saidOf = new Set([...words.values()].flatMap((pictures) => [...pictures]));
    if (saidOf.size < atLeast || COLLECTION.has(word)) return [];
    return [{ word, kind: 'named', truth: withKinds.get(sense)!.size, questions: askForOne(word) }];
  });
}

function wordsOfLabels(pictures: readonly NamedPicture[], atLeast: number): readonly AskedWord[] {
  const all = pictures.flatMap(({ labels }) => labels);
  const groups = Map.groupBy(all, ({ column, value }) => JSON.stringify([column, value]));
  return [...groups.values()].flatMap((own): AskedWord[] => {
    const { column, value } = own[0]!;
    const word = value.toLowerCase();
    return own.length < atLeast
      ? []
      : [{ word, kind: 'named', column, truth: own.length, questions: askForSome(word) }];
  });
}

/** The most frequent nouns of what is remarkable; not where something is named that may be it: a poodle, where a dog is. */
function absentWords(nouns: Nouns, { direct, withKinds }: NounsSaid, said: ReadonlySet<string>): readonly AskedWord[] {
  const roots = REMARKABLE.flatMap((word) => nouns.nounOf(word)?.sense ?? []);
  const isAbsent = ({ word, sense }: Noun) =>
    roots.some((root) => root !== sense && nouns.above(sense).has(root)) &&
    !withKinds.has(sense) &&
    !nouns.parents(sense).some((parent) => direct.has(parent)) &&
    !said.has(word) &&
    !said.has(`${word}s`);
  const chosen: AskedWord[] = [];
  const senses = new Set<number>();
  for (const noun of nouns.all()) {
    if (chosen.length === ABSENT_WORDS) break;
    if (senses.has(noun.sense) || !isAbsent(noun)) continue;
    senses.add(noun.sense);
    chosen.push({ word: noun.word, kind: 'absent', truth: 0, questions: askForOne(noun.word) });
  }
  return chosen;
}

/** Letters that can be spoken and mean nothing; always the same ones. */
function nonsense(said: ReadonlySet<string>): readonly AskedWord[] {
  const random = createRandom(1);
  const one = (of: readonly string[]) => of[Math.floor(random.uniform() * of.length)]!;
  const words = new Set<string>();
  while (words.size < NONSENSE_WORDS) {
    const word = one(['bl', 'dw', 'gn', 'kr', 'vl', 'zw']) + one(['a', 'e', 'i', 'o', 'u']) + one(['bv', 'fl', 'mk', 'qz', 'rv', 'xt']) + one(['a', 'o', 'u']) + one(['b', 'g', 'rf', 'x', 'zz']); // biome-ignore format: a table
    if (!said.has(word)) words.add(word);
  }
  return [...words].map((word) => ({ word, kind: 'nonsense', truth: 0, questions: askForOne(word) }));
}

function askForOne(word: string): AskedWord['questions'] {
  const one = `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
  return { count: `how many of my pictures show ${one}?`, exists: `is there ${one}?` };
}

/** Labels are written in the plural, or name what cannot be counted. */
function askForSome(word: string): AskedWord['questions'] {
  return { count: `how many of my pictures show ${word}?`, exists: `is there any ${word}?` };
}

function getOrInsert<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
