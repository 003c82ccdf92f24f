/** Duplicates over the spaces that answer together: vectors are compared in the space of their modality. */

import { compareKeys } from '#shared/core/compare-keys.ts';
import {
  type DuplicateIndex,
  type DuplicatePage,
  type DuplicateQuery,
  findDuplicates,
} from '#shared/vector-index/find-duplicates.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { ServedSpace, SpaceSet } from './space-set.ts';

type Member = ServedSpace & { readonly index: VectorIndex };

/** Groups in ascending order of their first key. */
export async function findSetDuplicates(set: SpaceSet<Member>, query: DuplicateQuery): Promise<DuplicatePage> {
  if (query.kind !== 'similar') return findDuplicates({ ...set.items, searchVectors: noVectors }, query);
  const pages = await Promise.all(set.members.map((member) => findDuplicates(ownItems(member), query)));
  // a member has looked no further than its cursor: what others found beyond it waits for the next page
  const cursors = pages.flatMap(({ nextCursor }) => nextCursor ?? []).sort(compareKeys);
  const seenTo = cursors[0];
  const groups = pages
    .flatMap((page) => page.groups)
    .filter(({ items }) => seenTo === undefined || compareKeys(items[0]!.key, seenTo) <= 0)
    .sort((a, b) => compareKeys(a.items[0]!.key, b.items[0]!.key));
  const page = groups.slice(0, query.limit);
  const nextCursor = groups.length > page.length ? page.at(-1)!.items[0]!.key : seenTo;
  return { groups: page, ...(nextCursor === undefined ? {} : { nextCursor }) };
}

/** The index without the items that are searched in another space. */
function ownItems({ index, encoder, modalities }: Member): DuplicateIndex {
  if ([...encoder.modalities].every((modality) => modalities.has(modality))) return index;
  const comparison = { operator: 'in' as const, values: [...modalities] };
  const own = { kind: 'compare' as const, field: 'modality', comparison };
  return {
    item: (key) => index.item(key),
    items: (query) => index.items({ ...query, filter: own }),
    searchVectors: (query) => index.searchVectors({ ...query, filter: own }),
  };
}

/** Equal bytes and near hashes are found without a search. */
const noVectors: DuplicateIndex['searchVectors'] = async () => ({ hits: [], plan: 'exact' });
