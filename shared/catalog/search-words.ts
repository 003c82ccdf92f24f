/** Words in one catalog: ranked parts from FTS5 (BM25, names weigh more than prose), one for each item, and snippets. */

import type { Catalog } from './catalog.ts';
import { type WordQuery, wordsOf } from './words.ts';

export interface WordHit {
  readonly part: number;
  readonly item: number;
  /** BM25, greater is better; 0 when the words are too frequent to rank. */
  readonly score: number;
}

const WEIGHTS = '4.0, 4.0, 2.0, 1.0'; // key, title, attributes, text

/**
 * With more parts than this BM25 is left out: words that frequent do not tell parts apart, and ranking 10,000 parts takes
 * 15 ms (npm run bench -- query).
 */
const MAX_RANKED_PARTS = 500;

const COUNT = 'SELECT count(*) AS parts FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)';
const RANKED = `SELECT words.rowid AS part, part.item AS item, -bm25(words, ${WEIGHTS}) AS score
  FROM words JOIN part ON part.id = words.rowid WHERE words MATCH ? ORDER BY score DESC, words.rowid`;
const NEWEST = `SELECT words.rowid AS part, part.item AS item, 0 AS score
  FROM words JOIN part ON part.id = words.rowid WHERE words MATCH ? ORDER BY words.rowid DESC`;

/**
 * At most `limit` parts, the best one of each item, best first; `accept` says which items may come out. When very many
 * parts hold the words, the newest ones, all with score 0.
 */
export function searchWords(
  catalog: Catalog,
  query: WordQuery,
  limit: number,
  accept: (item: number) => boolean,
): WordHit[] {
  const expression = query.expressions.join(' AND ');
  const { parts } = catalog.statement(COUNT).get(expression, MAX_RANKED_PARTS + 1) as { parts: number };
  const statement = catalog.statement(parts > MAX_RANKED_PARTS ? NEWEST : RANKED);
  const hits: WordHit[] = [];
  const seen = new Set<number>();
  for (const row of statement.iterate(expression)) {
    const hit = row as unknown as WordHit;
    if (seen.has(hit.item) || !accept(hit.item)) continue;
    seen.add(hit.item);
    hits.push(hit);
    if (hits.length === limit) break;
  }
  return hits;
}

const MARK_START = '\u0002';
const MARK_END = '\u0003';
const SNIPPET_WORDS = 24;

/**
 * The stretch of the text with the most matching words, each between U+0002 and U+0003. Undefined when none matches
 * (the query was found in the names).
 */
export function snippetOf(text: string, query: WordQuery): string | undefined {
  const clean = text.replaceAll(MARK_START, ' ').replaceAll(MARK_END, ' ');
  const words = [...wordsOf(clean)].map((word) => ({ ...word, matched: query.matches(word) }));
  const start = bestWindow(words.map(({ matched }) => matched));
  if (start === undefined) return undefined;
  const window = words.slice(start, start + SNIPPET_WORDS);
  let snippet = start > 0 ? '…' : '';
  let at = start > 0 ? window[0]!.start : 0;
  for (const word of window.filter(({ matched }) => matched)) {
    if (word.start < at) continue; // the second chunk of one overlong word
    snippet += clean.slice(at, word.start) + MARK_START + clean.slice(word.start, word.end) + MARK_END;
    at = word.end;
  }
  const last = start + SNIPPET_WORDS >= words.length;
  return snippet + clean.slice(at, last ? clean.length : Math.max(at, window.at(-1)!.end)) + (last ? '' : '…');
}

/** The first window of `SNIPPET_WORDS` with the most matches; it starts a few words before its first match. */
function bestWindow(matched: readonly boolean[]): number | undefined {
  let best: number | undefined;
  let bestCount = 0;
  let count = 0;
  matched.forEach((isMatch, i) => {
    if (isMatch) count++;
    if (i >= SNIPPET_WORDS && matched[i - SNIPPET_WORDS]) count--;
    if (count > bestCount) {
      bestCount = count;
      best = i;
    }
  });
  if (best === undefined) return undefined;
  const first = matched.indexOf(true, Math.max(0, best - SNIPPET_WORDS + 1));
  return Math.max(0, first - 4, best - SNIPPET_WORDS + 1);
}
