/**
 * What nouns mean and which of them are kinds of others, by WordNet 3.0: each word is taken in its most frequent sense.
 * Read from the same folder as `wordnet.ts`, with the frequencies of senses in `cntlist.rev`.
 */

import { ancestors, readNounFiles, readWordNetFile, withoutPlural } from './wordnet.ts';

/** Lexicographer files whose nouns name things that a picture shows and that can be counted. */
const SHOWN = { animal: 5, artifact: 6, food: 13, object: 17, person: 18, plant: 20 } as const;
/** The tops of these, which lie in a file of their own. */
const TOPS: ReadonlySet<string> = new Set(['animal', 'food', 'person', 'plant']);
/** Groups of people in WordNet, by what they are groups of. */
const ALIASES: Readonly<Record<string, string>> = { people: 'person' };

export interface Noun {
  /** With spaces between its words. */
  readonly word: string;
  /** Its most frequent sense; synonyms share it. */
  readonly sense: number;
  /** How often the word was met as a noun in the texts that WordNet's senses were counted in. */
  readonly count: number;
}

export interface Nouns {
  /** Undefined for words that are not twice as often nouns as anything else, or name nothing that a picture shows. Plurals are those of their word. */
  nounOf(word: string): Noun | undefined;
  /** The sense and all that it is a kind of. */
  above(sense: number): ReadonlySet<number>;
  /** What it is directly a kind of. */
  parents(sense: number): readonly number[];
  /** Every single word that `nounOf` knows, the most frequent first. */
  all(): readonly Noun[];
}

/** @throws ChiasmError `not_found` when the folder lacks WordNet */
export async function openNouns(folder: string): Promise<Nouns> {
  const [files, counted] = await Promise.all([readNounFiles(folder), readWordNetFile(folder, 'cntlist.rev')]);
  const { senses, parents, kinds, irregular } = files;
  const counts = readCounts(counted);
  const shown = new Set<number>(Object.values(SHOWN));
  const countsOf = (lemma: string) => counts.get(lemma) ?? { noun: 0, other: 0 };
  const known = (lemma: string): Noun | undefined => {
    const [sense] = senses.get(lemma) ?? [];
    if (sense === undefined || (!shown.has(kinds.get(sense)!) && !TOPS.has(lemma))) return undefined;
    const { noun, other } = countsOf(lemma);
    return noun < 2 * other ? undefined : { word: lemma.replaceAll('_', ' '), sense, count: noun };
  };
  return {
    nounOf: (word) => {
      const lemma = ALIASES[word] ?? word.toLowerCase().trim().replaceAll(' ', '_');
      const forms = [...(irregular.get(lemma) ?? []), lemma, ...withoutPlural(lemma)].filter((form) =>
        senses.has(form),
      );
      // `arms` are weapons too, but mostly those of a body
      const [form] = forms.sort((a, b) => countsOf(b).noun - countsOf(a).noun);
      return form === undefined ? undefined : known(form);
    },
    above: (sense) => new Set(ancestors(parents, sense).keys()),
    parents: (sense) => parents.get(sense) ?? [],
    all: () =>
      [...senses.keys()]
        .filter((lemma) => /^[a-z]{3,}$/.test(lemma))
        .flatMap((lemma) => known(lemma) ?? [])
        .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1)),
  };
}

/** Lemma -> how often it was met as a noun and as anything else, from lines `dog%1:05:00:: 1 42`. */
function readCounts(text: string): ReadonlyMap<string, { noun: number; other: number }> {
  const counts = new Map<string, { noun: number; other: number }>();
  for (const line of text.split('\n')) {
    const [key = '', , count] = line.split(' ');
    const [lemma = '', sense = ''] = key.split('%');
    if (sense === '') continue;
    const own = counts.get(lemma) ?? { noun: 0, other: 0 };
    own[sense.startsWith('1:') ? 'noun' : 'other'] += Number(count);
    counts.set(lemma, own);
  }
  return counts;
}
