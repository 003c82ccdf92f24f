/**
 * The index port with the vectors in Amazon S3 Vectors and everything else (items, words, attributes, etags, tombstones)
 * where the embedded index keeps it: in deltas and generations, here without vectors. So one index decides what is live,
 * and a vector is found only while its item is. What it holds beside 2 billion vectors is a catalog in SQLite.
 *
 * A vector's key is a digest of the item's key and sequencer with the part's number: the versions of an item do not
 * overwrite each other, a redelivery writes the same again, and the key says nothing of the name. Vectors are written before
 * the delta and those of replaced versions removed after it; a crash in between leaves vectors that no answer shows, which
 * `removeOrphans` removes.
 */

import { createHash } from 'node:crypto';
import type { S3VectorsClient } from '@aws-sdk/client-s3vectors';
import type { Filter } from '#shared/catalog/filter.ts';
import type { Change, Item, Part } from '#shared/catalog/item.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { dot } from '#shared/core/vector.ts';
import { checkChanges, checkQuery } from './check-input.ts';
import { type OpenIndexDependencies, openIndex } from './open-index.ts';
import { createS3Vectors, type Found, MAX_TOP_K, type PutVector, type S3Vectors, TEXT_KEY } from './s3-vectors.ts';
import { filterableMetadata, translateFilter } from './s3-vectors-filter.ts';
import type { VectorAnswer, VectorHit, VectorIndex, VectorQuery } from './vector-index.ts';

export interface S3VectorsIndex extends VectorIndex {
  /** Removes vectors that belong to no live item; returns how many. Reads the whole index. */
  removeOrphans(): Promise<number>;
}

/** Up to this many matching items are compared one by one: exact, and fewer requests than pages of misses. */
const EXACT_ITEMS = 200;
/** Results asked for beyond the wanted ones, for parts whose item was replaced or does not match. */
const OVERSAMPLING = 2;
const LEAST_TOP_K = 30;

/** Opens the index of one space in a vector bucket, where each space has an index of its own; it is made when it is not there. */
export async function openS3VectorsIndex(
  deps: OpenIndexDependencies,
  { client, bucket }: { readonly client: S3VectorsClient; readonly bucket: string },
): Promise<S3VectorsIndex> {
  const { id, dimensions } = deps.space;
  const vectors = createS3Vectors(client, { bucket, index: indexName(id) });
  await vectors.create(dimensions);
  return createS3VectorsIndex(await openIndex(deps), vectors, dimensions);
}

/** 3 to 63 small letters, digits and hyphens; the digest keeps ids apart that are the same but for other characters. */
function indexName(space: string): string {
  const digest = createHash('sha256').update(space).digest('hex').slice(0, 12);
  return `${space
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, 48)}-${digest}`.replace(/^-/, '');
}

/** `items` is the embedded index of the same space; it belongs to the returned one, which closes it. */
export function createS3VectorsIndex(items: VectorIndex, vectors: S3Vectors, dimensions: number): S3VectorsIndex {
  const search = createSearch(items, vectors);
  return {
    apply: async (changes) => {
      checkChanges(changes, dimensions);
      if (changes.length === 0) return;
      const before = await liveVersions(items, changes);
      await vectors.put(changes.flatMap(putVectors));
      await items.apply(changes.map(withoutVectors));
      const written = changes.flatMap((change) =>
        change.operation === 'put' ? [versionOf(change.item, change.parts.length)] : [],
      );
      const obsolete: string[] = [];
      for (const version of [...before, ...written]) {
        const latest = await items.latest(version.key);
        const live = latest?.operation === 'put' && latest.sequencer === version.sequencer;
        if (!live) obsolete.push(...partKeys(version));
      }
      await vectors.delete([...new Set(obsolete)]);
    },
    refresh: () => items.refresh(),
    searchVectors: async (query) => {
      checkQuery(query, dimensions);
      return search(query);
    },
    searchText: (query) => items.searchText(query),
    item: async (key) => {
      const found = await items.item(key);
      return found && { item: found.item, parts: await withVectors(vectors, found.item, found.parts) };
    },
    itemWithBytes: async (digest) => {
      const found = await items.itemWithBytes(digest);
      // of one that was deleted a short while ago the vectors are gone already
      if (found === undefined || !(await isLive(items, found.item))) return undefined;
      return { item: found.item, parts: await withVectors(vectors, found.item, found.parts) };
    },
    items: (query) => items.items(query),
    latest: (key) => items.latest(key),
    etags: () => items.etags(),
    sampleVectors: (count, random = Math.random) => sampleVectors(items, vectors, count, random),
    statistics: () => items.statistics(),
    close: () => items.close(),
    removeOrphans: async () => {
      const orphans: string[] = [];
      for await (const page of vectors.list()) {
        for (const found of page) if ((await liveItem(items, found)) === undefined) orphans.push(found.key);
      }
      await vectors.delete(orphans);
      return orphans.length;
    },
  };
}

interface Version {
  readonly key: string;
  readonly sequencer: string;
  readonly parts: number;
}

function versionOf({ key, sequencer }: Item, parts: number): Version {
  return { key, sequencer, parts };
}

function partKeys({ key, sequencer, parts }: Version): string[] {
  return Array.from({ length: parts }, (_, ordinal) => partKey(key, sequencer, ordinal));
}

function partKey(key: string, sequencer: string, ordinal: number): string {
  const version = createHash('sha256')
    .update(JSON.stringify([key, sequencer]))
    .digest('hex')
    .slice(0, 40);
  return `${version}-${ordinal}`;
}

/** The versions that the changes may replace. */
async function liveVersions(items: VectorIndex, changes: readonly Change[]): Promise<Version[]> {
  const keys = new Set(changes.map((change) => (change.operation === 'put' ? change.item.key : change.key)));
  const versions: Version[] = [];
  for (const key of keys) {
    const found = await items.item(key);
    if (found !== undefined) versions.push(versionOf(found.item, found.parts.length));
  }
  return versions;
}

function putVectors(change: Change): PutVector[] {
  if (change.operation === 'delete') return [];
  const { key, sequencer } = change.item;
  const filterable = filterableMetadata(change.item);
  return change.parts.flatMap(({ vector }, ordinal) => {
    if (vector === undefined) return [];
    const metadata = { ...filterable, [TEXT_KEY]: JSON.stringify([key, sequencer, ordinal]) };
    return [{ key: partKey(key, sequencer, ordinal), vector, metadata }];
  });
}

function withoutVectors(change: Change): Change {
  if (change.operation === 'delete') return change;
  return { ...change, parts: change.parts.map(({ vector: _vector, ...part }) => part) };
}

async function withVectors(vectors: S3Vectors, item: Item, parts: readonly Part[]): Promise<Part[]> {
  const keys = partKeys(versionOf(item, parts.length));
  const stored = await vectors.get(keys);
  return parts.map((part, ordinal) => {
    const vector = stored.get(keys[ordinal]!);
    return vector === undefined ? part : { ...part, vector };
  });
}

async function isLive(items: VectorIndex, { key, sequencer }: Pick<Item, 'key' | 'sequencer'>): Promise<boolean> {
  const latest = await items.latest(key);
  return latest?.operation === 'put' && latest.sequencer === sequencer;
}

interface LivePart {
  readonly item: Item;
  readonly parts: readonly Part[];
  readonly ordinal: number;
}

/** The live part that a stored vector is of; undefined for one of a version that was replaced or deleted. */
async function liveItem(items: VectorIndex, { key, text }: Found): Promise<LivePart | undefined> {
  const [itemKey, sequencer, ordinal] = parseText(text);
  if (partKey(itemKey, sequencer, ordinal) !== key) return undefined;
  const found = await items.item(itemKey);
  if (found?.item.sequencer !== sequencer || found.parts[ordinal] === undefined) return undefined;
  return { ...found, ordinal };
}

function parseText(text: string): readonly [key: string, sequencer: string, ordinal: number] {
  try {
    const [key, sequencer, ordinal] = JSON.parse(text) as unknown[];
    if (typeof key === 'string' && typeof sequencer === 'string' && typeof ordinal === 'number')
      return [key, sequencer, ordinal];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return ['', '', -1]; // a vector that somebody else put there
}

function createSearch(items: VectorIndex, vectors: S3Vectors) {
  const hitOf = ({ item, parts, ordinal }: LivePart, vector: Float32Array, query: Float32Array): VectorHit => {
    const { range, text } = parts[ordinal]!;
    return { item, ordinal, range, ...(text === undefined ? {} : { text }), vector, score: dot(query, vector) };
  };

  const best = (hits: readonly VectorHit[], limit: number) =>
    [...hits]
      .sort((a, b) => b.score - a.score || compareKeys(a.item.key, b.item.key) || a.ordinal - b.ordinal)
      .slice(0, limit);

  /** Compares with every part of the given items. */
  const compareAll = async (query: VectorQuery, matching: readonly Item[]): Promise<VectorAnswer> => {
    const hits: VectorHit[] = [];
    const found = await Promise.all(matching.map(({ key }) => items.item(key)));
    const live = found.flatMap((one) => one ?? []);
    const keys = live.flatMap(({ item, parts }) => partKeys(versionOf(item, parts.length)));
    const stored = await vectors.get(keys);
    for (const { item, parts } of live) {
      parts.forEach((_, ordinal) => {
        const vector = stored.get(partKey(item.key, item.sequencer, ordinal));
        if (vector !== undefined) hits.push(hitOf({ item, parts, ordinal }, vector, query.vector));
      });
    }
    return { hits: best(hits, query.limit), plan: 'exact' };
  };

  const compareEverything = async (query: VectorQuery): Promise<VectorAnswer> => {
    const accepts = acceptor(items, query.filter);
    let hits: VectorHit[] = [];
    for await (const page of vectors.list()) {
      for (const found of page) {
        const live = await liveItem(items, found);
        if (live !== undefined && (await accepts(live.item))) hits.push(hitOf(live, found.vector, query.vector));
      }
      hits = best(hits, query.limit);
    }
    return { hits, plan: 'exact' };
  };

  /** The service's nearest ones that are live and match, until there are enough or it has no more to give. */
  const ask = async (query: VectorQuery): Promise<VectorAnswer | undefined> => {
    const accepts = acceptor(items, query.filter);
    const filter = translateFilter(query.filter);
    for (let most = Math.max(LEAST_TOP_K, OVERSAMPLING * query.limit); ; most = Math.min(MAX_TOP_K, most * 8)) {
      const live: { readonly key: string; readonly part: LivePart }[] = [];
      let seen = 0;
      for await (const page of vectors.query(query.vector, filter, most)) {
        for (const found of page) {
          seen += 1;
          const part = await liveItem(items, found);
          if (part !== undefined && (await accepts(part.item))) live.push({ key: found.key, part });
        }
        if (live.length >= OVERSAMPLING * query.limit) break;
      }
      const exhausted = seen < most;
      if (live.length < query.limit && !exhausted && most < MAX_TOP_K) continue;
      if (live.length < query.limit && !exhausted) return undefined;
      const stored = await vectors.get(live.map(({ key }) => key));
      const hits = live.flatMap(({ key, part }) => {
        const vector = stored.get(key);
        return vector === undefined ? [] : [hitOf(part, vector, query.vector)];
      });
      return { hits: best(hits, query.limit), plan: 'graph' };
    }
  };

  return async (query: VectorQuery): Promise<VectorAnswer> => {
    const few = await items.items({ limit: EXACT_ITEMS + 1, ...(query.filter ? { filter: query.filter } : {}) });
    if (few.length <= EXACT_ITEMS) return compareAll(query, few);
    if (query.exact) return compareEverything(query);
    return (await ask(query)) ?? compareEverything(query); // a full answer, however long the matches take to find
  };
}

/** Whether an item satisfies the filter, decided by the catalog. */
function acceptor(items: VectorIndex, filter: Filter | undefined): (item: Item) => Promise<boolean> {
  if (filter === undefined) return async () => true;
  return async ({ key }) => {
    const own: Filter = { kind: 'compare', field: 'key', comparison: { operator: 'equals', value: key } };
    return (await items.items({ limit: 1, filter: { kind: 'and', filters: [own, filter] } })).length > 0;
  };
}

/** Of different items drawn at random (reservoir sampling: Vitter 1985), the first part of each. */
async function sampleVectors(items: VectorIndex, vectors: S3Vectors, count: number, random: () => number) {
  const keys: string[] = [];
  let seen = 0;
  for await (const { key } of items.etags()) {
    const place = seen < count ? seen : Math.floor(random() * (seen + 1));
    if (place < count) keys[place] = key;
    seen += 1;
  }
  const found = await Promise.all(keys.map((key) => items.item(key)));
  const wanted = found.flatMap((one) => (one === undefined ? [] : [partKey(one.item.key, one.item.sequencer, 0)]));
  return [...(await vectors.get(wanted)).values()];
}
