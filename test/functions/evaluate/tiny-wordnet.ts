/** Writes a few nouns in WordNet's own files. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../store/temporary-folder.ts';

export interface TinySense {
  readonly id: number;
  /** Synonyms, with `_` between words. */
  readonly words: readonly string[];
  /** What it is a kind of. */
  readonly parent?: number;
  /** Number of the lexicographer file. @default 3 */
  readonly kind?: number;
}

interface Others {
  /** Lines of `noun.exc`: plural and singular. */
  readonly exceptions?: readonly string[];
  /** Lines of `cntlist.rev`: `dog%1:05:00:: 1 42`. */
  readonly counts?: readonly string[];
}

/** Returns the folder. A word is in one sense only. */
export async function writeWordNet(senses: readonly TinySense[], others: Others = {}): Promise<string> {
  const offset = (n: number) => String(n).padStart(8, '0');
  const data = senses.map(({ id, words, parent, kind = 3 }) => {
    const names = words.map((word) => `${word} 0`).join(' ');
    const above = parent === undefined ? '000 ' : `001 @ ${offset(parent)} n 0000 `;
    return `${offset(id)} ${String(kind).padStart(2, '0')} n 0${words.length} ${names} ${above}| said of it`;
  });
  const index = senses.flatMap(({ id, words }) => words.map((word) => `${word} n 1 1 @ 1 0 ${offset(id)}  `));
  const licence = '  1 This software and database is being provided to you';
  const files = {
    'data.noun': [licence, ...data, ''],
    'index.noun': [licence, ...index, ''],
    'noun.exc': [...(others.exceptions ?? []), ''],
    'cntlist.rev': [...(others.counts ?? []), ''],
  };
  const folder = await temporaryFolder();
  for (const [name, lines] of Object.entries(files)) await writeFile(join(folder, name), lines.join('\n'));
  return folder;
}
