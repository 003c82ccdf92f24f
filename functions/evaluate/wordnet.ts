/**
 * Nouns of WordNet 3.0, read from its own files (Debian: `wordnet-base`), for the Wu-Palmer similarity of answers.
 * Depths and the choice of the common ancestor are those of NLTK, which published figures were computed with.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';

/** Below this similarity two answers count a tenth: they are different things of one kind. Malinowski & Fritz 2014. */
const SYNONYM_LINE = 0.925;
const DIFFERENT_WEIGHT = 0.1;
/** Endings of plurals and what they replace. */
const PLURALS = [['s', ''], ['ses', 's'], ['ves', 'f'], ['xes', 'x'], ['zes', 'z'], ['ches', 'ch'], ['shes', 'sh'], ['men', 'man'], ['ies', 'y']] as const; // biome-ignore format: a table

export interface WordNet {
  /** 1 for equal answers, otherwise the best Wu-Palmer similarity of their senses, weighted; 0 for unknown words. */
  similarity(a: string, b: string): number;
}

/** @throws ChiasmError `not_found` when the folder has no nouns */
export async function openWordNet(folder: string): Promise<WordNet> {
  const { senses, parents, irregular } = await readNounFiles(folder);
  const depths = createDepths(parents);

  const sensesOf = (word: string): readonly number[] => {
    const lemma = word.toLowerCase().trim().replaceAll(' ', '_');
    const forms = [lemma, ...(irregular.get(lemma) ?? []), ...withoutPlural(lemma)];
    return [...new Set(forms.flatMap((form) => senses.get(form) ?? []))];
  };
  const wuPalmer = (a: number, b: number): number => {
    const [above, others] = [ancestors(parents, a), ancestors(parents, b)];
    const common = [...above.keys()].filter((sense) => others.has(sense));
    if (common.length === 0) return 0;
    const lowest = Math.max(...common.map((sense) => depths.least(sense)));
    const subsumer =
      common.includes(a) && depths.least(a) === lowest ? a : common.find((s) => depths.least(s) === lowest)!;
    const depth = depths.greatest(subsumer) + 1;
    return (2 * depth) / (above.get(subsumer)! + others.get(subsumer)! + 2 * depth);
  };
  return {
    similarity: (a, b) => {
      if (a === b) return 1;
      const best = Math.max(0, ...sensesOf(a).flatMap((x) => sensesOf(b).map((y) => wuPalmer(x, y))));
      return best < SYNONYM_LINE ? best * DIFFERENT_WEIGHT : best;
    },
  };
}

export interface NounFiles {
  /** Lemma -> offsets of its senses, the most frequent first. */
  readonly senses: ReadonlyMap<string, readonly number[]>;
  /** Offset of a sense -> offsets of its hypernyms, those of instances too. */
  readonly parents: ReadonlyMap<number, readonly number[]>;
  /** Offset of a sense -> number of its lexicographer file: animals, artifacts, persons ... */
  readonly kinds: ReadonlyMap<number, number>;
  /** Plural -> singulars, where no ending tells. */
  readonly irregular: ReadonlyMap<string, readonly string[]>;
}

/** @throws ChiasmError `not_found` when the folder has no nouns */
export async function readNounFiles(folder: string): Promise<NounFiles> {
  const read = (name: string) => readWordNetFile(folder, name);
  const [index, data, exceptions] = await Promise.all([read('index.noun'), read('data.noun'), read('noun.exc')]);
  const irregular = new Map(exceptions.split('\n').map((line) => [line.split(' ')[0]!, line.split(' ').slice(1)]));
  return { senses: readIndex(index), ...readData(data), irregular };
}

/** @throws ChiasmError `not_found` */
export async function readWordNetFile(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'latin1').catch((cause: Error) => {
    throw new ChiasmError('not_found', `there is no WordNet in ${folder} (${name}); install wordnet-base`, { cause });
  });
}

/** What a lemma would be the regular plural of; most of it is no word. */
export function withoutPlural(lemma: string): readonly string[] {
  return PLURALS.flatMap(([ending, base]) => (lemma.endsWith(ending) ? [lemma.slice(0, -ending.length) + base] : []));
}

/** Lemma -> offsets of its senses: the last `synset count` numbers of a line of `index.noun`. */
function readIndex(text: string): ReadonlyMap<string, readonly number[]> {
  const senses = new Map<string, readonly number[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(' ')) continue;
    const fields = line.trim().split(' ');
    senses.set(fields[0]!, fields.slice(-Number(fields[2])).map(Number));
  }
  return senses;
}

function readData(text: string): Pick<NounFiles, 'parents' | 'kinds'> {
  const parents = new Map<number, readonly number[]>();
  const kinds = new Map<number, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(' ')) continue;
    const sense = Number(line.slice(0, 8));
    const above = [...line.matchAll(/ @i? (\d{8}) n /g)].map(([, offset]) => Number(offset));
    parents.set(sense, above);
    kinds.set(sense, Number(line.slice(9, 11)));
  }
  return { parents, kinds };
}

/** The sense and all above it, with the length of the shortest way there. */
export function ancestors(parents: ReadonlyMap<number, readonly number[]>, sense: number): ReadonlyMap<number, number> {
  const found = new Map([[sense, 0]]);
  for (const [one, distance] of found) {
    for (const above of parents.get(one) ?? []) if (!found.has(above)) found.set(above, distance + 1);
  }
  return found; // a Map is walked in the order of insertion, hence breadth first
}

function createDepths(parents: ReadonlyMap<number, readonly number[]>) {
  const along = (choose: (...depths: number[]) => number) => {
    const known = new Map<number, number>();
    const depth = (sense: number): number => {
      const remembered = known.get(sense);
      if (remembered !== undefined) return remembered;
      const above = parents.get(sense) ?? [];
      const found = above.length === 0 ? 0 : 1 + choose(...above.map(depth));
      known.set(sense, found);
      return found;
    };
    return depth;
  };
  return { least: along(Math.min), greatest: along(Math.max) };
}
