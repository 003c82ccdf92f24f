/** What an index must answer, by brute force over a map: the property tests hold the real one against it. */

import { expect } from 'vitest';
import type { Filter } from '#shared/catalog/filter.ts';
import type { Change, Item } from '#shared/catalog/item.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { dot } from '#shared/core/vector.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { satisfies } from '../catalog/filter-oracle.ts';

type Put = Change & { readonly operation: 'put' };

export class IndexModel {
  readonly #newest = new Map<string, Change>();

  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      const key = keyOf(change);
      const current = this.#newest.get(key);
      if (current === undefined || isNewer(change, current)) this.#newest.set(key, change);
    }
  }

  puts(): Put[] {
    const puts = [...this.#newest.values()].filter((change): change is Put => change.operation === 'put');
    return puts.sort((a, b) => compareKeys(a.item.key, b.item.key));
  }

  /** Scores of all matching parts, best first. */
  scores(query: Float32Array, filter?: Filter): { key: string; ordinal: number; score: number }[] {
    return this.puts()
      .filter(({ item }) => filter === undefined || satisfies(item, filter))
      .flatMap(({ item, parts }) =>
        parts.flatMap(({ vector }, ordinal) => (vector ? [{ key: item.key, ordinal, score: dot(query, vector) }] : [])),
      )
      .sort((a, b) => b.score - a.score || compareKeys(a.key, b.key) || a.ordinal - b.ordinal);
  }

  /** Holds every reading method of `index` against this model. */
  async check(index: VectorIndex, queries: readonly Float32Array[], filters: readonly Filter[]): Promise<void> {
    const puts = this.puts();
    expect(await index.items({ limit: 1000 })).toEqual(puts.map(({ item }) => item));
    for (const [key, change] of this.#newest) {
      const found = await index.item(key);
      expect(found).toEqual(change.operation === 'put' ? { item: change.item, parts: change.parts } : undefined);
      expect(await index.latest(key)).toEqual({ sequencer: sequencerOf(change), operation: change.operation });
    }
    const etags: unknown[] = [];
    for await (const entry of index.etags()) etags.push(entry);
    expect(etags).toEqual(puts.map(({ item: { key, etag } }) => ({ key, etag })));
    const statistics = index.statistics();
    expect(statistics).toMatchObject({
      items: puts.length,
      parts: puts.reduce((sum, { parts }) => sum + parts.length, 0),
    });
    expect(statistics.counts).toEqual(countsOf(puts.map(({ item }) => item)));
    for (const filter of [undefined, ...filters]) {
      for (const query of queries) await this.#checkSearch(index, query, filter);
      if (filter !== undefined) await this.#checkListing(index, filter);
    }
    for (const word of ['alpha', 'beta']) await this.#checkText(index, word, filters[0]);
  }

  async #checkSearch(index: VectorIndex, vector: Float32Array, filter: Filter | undefined): Promise<void> {
    const expected = this.scores(vector, filter);
    for (const limit of [1, 3, 50]) {
      for (const exact of [true, false]) {
        const { hits } = await index.searchVectors({ vector, limit, exact, ...(filter ? { filter } : {}) });
        expect(hits.length).toBe(Math.min(limit, expected.length));
        hits.forEach((hit, i) => {
          expect(hit.score).toBeCloseTo(expected[i]!.score, 5);
          const same = expected.find(({ key, ordinal }) => key === hit.item.key && ordinal === hit.ordinal);
          expect(same?.score).toBeCloseTo(hit.score, 5);
        });
        expect(new Set(hits.map((hit) => `${hit.item.key} ${hit.ordinal}`)).size).toBe(hits.length);
      }
    }
  }

  async #checkListing(index: VectorIndex, filter: Filter): Promise<void> {
    const expected = this.puts().filter(({ item }) => satisfies(item, filter));
    const keys: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await index.items({ limit: 2, filter, ...(after === undefined ? {} : { after }) });
      keys.push(...page.map(({ key }) => key));
      if (page.length < 2) break;
      after = page.at(-1)!.key;
    }
    expect(keys).toEqual(expected.map(({ item }) => item.key));
  }

  async #checkText(index: VectorIndex, word: string, filter: Filter | undefined): Promise<void> {
    const holds = ({ item, parts }: Put) => item.title === word || parts.some(({ text }) => text?.includes(word));
    const expected = this.puts().filter((put) => holds(put) && (filter === undefined || satisfies(put.item, filter)));
    const hits = await index.searchText({ text: word, limit: 100, ...(filter ? { filter } : {}) });
    expect(hits.map(({ item }) => item.key).sort(compareKeys)).toEqual(expected.map(({ item }) => item.key));
  }
}

function countsOf(items: readonly Item[]) {
  const groups = Map.groupBy(items, ({ modality, status }) => `${modality ?? ''}/${status}`);
  return [...groups]
    .sort(([a], [b]) => compareKeys(a, b))
    .map(([, group]) => ({ modality: group[0]!.modality, status: group[0]!.status, items: group.length }));
}

function isNewer(change: Change, current: Change): boolean {
  const [a, b] = [sequencerOf(change), sequencerOf(current)];
  return a > b || (a === b && change.operation === 'delete' && current.operation === 'put');
}

function keyOf(change: Change): string {
  return change.operation === 'put' ? change.item.key : change.key;
}

function sequencerOf(change: Change): string {
  return change.operation === 'put' ? change.item.sequencer : change.sequencer;
}
