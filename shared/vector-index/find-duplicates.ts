/**
 * Groups of items that are the same (equal bytes), the same picture encoded again (near perceptual hash and near vector),
 * or similar (near vectors). Works over the port alone; one call does bounded work and says where to go on.
 */

import { setImmediate } from 'node:timers/promises';
import type { Item } from '#shared/catalog/item.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';
import { dot } from '#shared/core/vector.ts';
import { hashDistance, nearHashes } from './near-hashes.ts';
import type { VectorIndex } from './vector-index.ts';

export type DuplicateKind = 'exact' | 'reencoded' | 'similar';

export interface DuplicateGroup {
  readonly kind: DuplicateKind;
  /** In ascending order of keys, the first one with similarity 1; the others' similarity is to the first. */
  readonly items: readonly { readonly key: string; readonly similarity: number }[];
}

export interface DuplicateQuery {
  readonly kind: DuplicateKind;
  /** Groups wanted. */
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  /** Least cosine of similar items. @default 0.95 */
  readonly minSimilarity?: number;
}

export interface DuplicatePage {
  readonly groups: readonly DuplicateGroup[];
  readonly nextCursor?: string;
}

const PAGE_ITEMS = 1000;
/** Of 64 bits. Re-encoding and scaling move a few; unrelated pictures differ in 32 on average. */
const MAX_HASH_DISTANCE = 6;
/** A perceptual hash alone takes flat or blurred pictures for copies of each other; their vectors tell them apart. */
const MIN_REENCODED_COSINE = 0.9;
/** What is nearer to each other is taken for the same, where nobody says otherwise. */
export const SIMILAR_COSINE = 0.95;
/** Items looked at for similar ones in one call: each one is a search. */
const SIMILAR_SEEDS = 2000;
const SIMILAR_NEIGHBOURS = 50;

/** What is read of an index. */
export type DuplicateIndex = Pick<VectorIndex, 'item' | 'items' | 'searchVectors'>;

/** Groups in ascending order of their first key. */
export async function findDuplicates(index: DuplicateIndex, query: DuplicateQuery): Promise<DuplicatePage> {
  if (query.kind === 'similar') return findSimilar(index, query);
  const items = await readAll(index);
  const groups = query.kind === 'exact' ? exactGroups(items) : await reencodedGroups(index, items);
  const after = groups.filter((group) => query.cursor === undefined || compareKeys(firstKey(group), query.cursor) > 0);
  const page = after.slice(0, query.limit);
  return { groups: page, ...(after.length > page.length ? { nextCursor: firstKey(page.at(-1)!) } : {}) };
}

type Candidate = Pick<Item, 'key' | 'digest' | 'perceptualHash'>;

async function readAll(index: DuplicateIndex): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (let after: string | undefined; ; ) {
    const page = await index.items({ limit: PAGE_ITEMS, status: 'indexed', ...(after === undefined ? {} : { after }) });
    for (const { key, digest, perceptualHash } of page) {
      candidates.push({ key, ...(digest ? { digest } : {}), ...(perceptualHash ? { perceptualHash } : {}) });
    }
    if (page.length < PAGE_ITEMS) return candidates;
    after = page.at(-1)!.key;
    await setImmediate();
  }
}

function exactGroups(items: readonly Candidate[]): DuplicateGroup[] {
  const byDigest = Map.groupBy(
    items.filter(({ digest }) => digest !== undefined),
    ({ digest }) => digest,
  );
  return [...byDigest.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({ kind: 'exact', items: group.map(({ key }) => ({ key, similarity: 1 })) }));
}

/** Equal bytes are left to `exact`: of them only the first takes part. */
async function reencodedGroups(index: DuplicateIndex, items: readonly Candidate[]): Promise<DuplicateGroup[]> {
  const seen = new Set<string>();
  const pictures = items.filter(({ digest, perceptualHash }) => {
    if (perceptualHash === undefined || (digest !== undefined && seen.has(digest))) return false;
    if (digest !== undefined) seen.add(digest);
    return true;
  });
  const near = nearHashes(
    pictures.map(({ perceptualHash }) => perceptualHash!),
    MAX_HASH_DISTANCE,
  );
  const groups: DuplicateGroup[] = [];
  const grouped = new Set<number>();
  for (const [first, others] of [...near].sort(([a], [b]) => a - b)) {
    if (grouped.has(first)) continue;
    const members = [{ key: pictures[first]!.key, similarity: 1 }];
    for (const other of others.filter((i) => i > first && !grouped.has(i)).sort((a, b) => a - b)) {
      const [one, two] = [pictures[first]!, pictures[other]!];
      if (!(await haveNearVectors(index, one.key, two.key))) continue;
      members.push({ key: two.key, similarity: 1 - hashDistance(one.perceptualHash!, two.perceptualHash!) / 64 });
      grouped.add(other);
    }
    if (members.length > 1) groups.push({ kind: 'reencoded', items: members });
  }
  return groups;
}

/** True where the items have no vectors to compare. */
async function haveNearVectors(index: DuplicateIndex, one: string, two: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, two].map(async (key) => (await index.item(key))?.parts[0]?.vector));
  return a === undefined || b === undefined || dot(a, b) >= MIN_REENCODED_COSINE;
}

/** A group is what surrounds its first key; an item that already surrounds an earlier key starts no group. */
async function findSimilar(index: DuplicateIndex, query: DuplicateQuery): Promise<DuplicatePage> {
  const { limit, cursor, minSimilarity = SIMILAR_COSINE } = query;
  const seeds = await index.items({
    limit: SIMILAR_SEEDS,
    status: 'indexed',
    ...(cursor === undefined ? {} : { after: cursor }),
  });
  const groups: DuplicateGroup[] = [];
  for (const { key } of seeds) {
    const group = await similarTo(index, key, minSimilarity);
    if (group?.every((member) => compareKeys(member.key, key) >= 0)) {
      groups.push({ kind: 'similar', items: group });
      if (groups.length === limit) return { groups, nextCursor: key };
    }
    await setImmediate();
  }
  return { groups, ...(seeds.length === SIMILAR_SEEDS ? { nextCursor: seeds.at(-1)!.key } : {}) };
}

async function similarTo(index: DuplicateIndex, key: string, minSimilarity: number) {
  const vector = (await index.item(key))?.parts[0]?.vector;
  if (vector === undefined) return undefined;
  const { hits } = await index.searchVectors({ vector, limit: SIMILAR_NEIGHBOURS });
  const best = new Map<string, number>();
  for (const { item, ordinal, score } of hits) {
    if (ordinal === 0 && item.key !== key && score >= minSimilarity) best.set(item.key, Math.min(1, score));
  }
  if (best.size === 0) return undefined;
  const others = [...best].map(([other, similarity]) => ({ key: other, similarity }));
  return [{ key, similarity: 1 }, ...others.sort((a, b) => compareKeys(a.key, b.key))];
}

function firstKey(group: DuplicateGroup): string {
  return group.items[0]!.key;
}
