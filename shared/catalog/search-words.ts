/**
 * Words in one catalog: parts ranked by FTS5's BM25 (names weigh more than prose) where the words are rare enough to tell
 * parts apart; where they are not, in an order that is known without looking at all of them. And snippets.
 */

import type { Catalog, CatalogHit } from './catalog.ts';
import { type WordQuery, wordsOf } from './words.ts';

export interface WordHit {
  readonly part: number;
  readonly item: number;
  /** Greater is better: BM25, which is above 0; at most 0 where the words are too frequent to rank. */
  readonly score: number;
}

const WEIGHTS = '4.0, 4.0, 2.0, 1.0'; // key, title, attributes, text
const NAMES = '{key title}';

/** What more parts hold is frequent. BM25 of 14,000 parts takes 7 ms and more, and tells little but who has fewer words. */
const MAX_RANKED_PARTS = 500;

const COUNT = 'SELECT count(*) AS parts FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)';
const RANKED = `SELECT words.rowid AS part, part.item AS item, -bm25(words, ${WEIGHTS}) AS score
  FROM words JOIN part ON part.id = words.rowid WHERE words MATCH ? ORDER BY score DESC, words.rowid`;
const NEWEST = `SELECT words.rowid AS part, part.item AS item, ? AS score
  FROM words JOIN part ON part.id = words.rowid WHERE words MATCH ? ORDER BY words.rowid DESC`;

/**
 * At most `limit` parts, the best one of each item, best first; `accept` says which items may come out. The order is that
 * of BM25 when at most `MAX_RANKED_PARTS` parts hold the words, the last one perhaps as a beginning. Otherwise parts that
 * hold whole words come first (by BM25 while they are few; else score 0 where the names hold all words, then -1), then the
 * others (-2); of equal scores the newest first.
 */
export function searchWords(
  catalog: Catalog,
  { whole, begun }: WordQuery,
  limit: number,
  accept: (item: number) => boolean,
): WordHit[] {
  const hits: WordHit[] = [];
  const seen = new Set<number>();
  const take = (rows: Iterable<unknown>) => {
    if (hits.length === limit) return;
    for (const hit of rows as Iterable<WordHit>) {
      if (seen.has(hit.item) || !accept(hit.item)) continue;
      seen.add(hit.item);
      if (hits.push(hit) === limit) return;
    }
  };
  const ranked = (expression: string) => take(catalog.statement(RANKED).iterate(expression));
  const newest = (expression: string, score: number) => take(catalog.statement(NEWEST).iterate(score, expression));

  if (isFrequent(catalog, whole)) {
    newest(`${NAMES} : (${whole})`, 0);
    newest(whole, -1);
    newest(begun, -2);
  } else if (isFrequent(catalog, begun)) {
    ranked(whole);
    newest(begun, -2);
  } else {
    ranked(begun);
  }
  return hits;
}

function isFrequent(catalog: Catalog, expression: string): boolean {
  return (catalog.statement(COUNT).get(expression, MAX_RANKED_PARTS + 1)!.parts as number) > MAX_RANKED_PARTS;
}

/**
 * The parts of these hits, in their order. Where the words were found in all that is said in a sound, which its first part
 * stands for, the part is the segment that holds most of them, the earliest of equals.
 */
export function partsFound(catalog: Catalog, hits: readonly WordHit[], query: WordQuery): CatalogHit[] {
  return catalog.hitsOfParts(hits.map(({ part }) => part)).map((found, i) => {
    if (found.item.modality !== 'audio' || found.ordinal > 0) return found;
    let [best, most] = [found, 0];
    for (const [ordinal, { range, text }] of catalog.parts(hits[i]!.item).entries()) {
      if (text === undefined) continue;
      const held = new Set([...wordsOf(text)].filter(query.matches).map(({ whole }) => whole)).size;
      if (held > most) [best, most] = [{ item: found.item, ordinal, range, text }, held];
    }
    return best;
  });
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
