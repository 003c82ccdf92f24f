/**
 * The spaces that answer together. Each modality is searched in one of them. The first space holds every item, with its
 * words and failures; the others hold the items of their own modalities only, and follow it.
 */

import { MODALITIES, type Modality } from '#shared/core/modality.ts';
import type { ContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

/** One space with what searching it takes. */
export interface ServedSpace {
  readonly encoder: Pick<Encoder, 'space' | 'modalities' | 'queryTemplates'>;
  readonly embedder: ContentEmbedder;
  readonly index: Pick<VectorIndex, 'searchVectors' | 'searchText' | 'item' | 'statistics'>;
  /** Whose items are searched here. */
  readonly modalities: ReadonlySet<Modality>;
}

export type SpaceMembers<Member extends ServedSpace = ServedSpace> = readonly [Member, ...Member[]];

/** What the set knows of items, whichever space their vectors lie in. */
export type ItemIndex = Pick<VectorIndex, 'item' | 'items' | 'statistics'>;

export interface SpaceSet<Member extends ServedSpace = ServedSpace> {
  readonly members: SpaceMembers<Member>;
  /** The space that items of the modality are searched in; undefined when no model embeds it. */
  spaceOf(modality: Modality): Member | undefined;
  readonly items: ItemIndex;
  /** Each modality by the model whose space it is searched in. */
  readonly embedder: ContentEmbedder;
}

export function createSpaceSet<Member extends ServedSpace & { readonly index: VectorIndex }>(
  members: SpaceMembers<Member>,
): SpaceSet<Member> {
  const [first] = members;
  const spaceOf = (modality: Modality) => members.find(({ modalities }) => modalities.has(modality));
  const embedderOf = (modality: Modality) => (spaceOf(modality) ?? first).embedder;
  return {
    members,
    spaceOf,
    items: {
      item: async (key) => (await findItem(members, key))?.found,
      items: (query) => first.index.items(query),
      statistics: () => ({ ...first.index.statistics(), ...degradedOf(members) }),
    },
    embedder: {
      texts: (texts) => embedderOf('text').texts(texts),
      image: (bytes) => embedderOf('image').image(bytes),
      audio: (bytes) => embedderOf('audio').audio(bytes),
    },
  };
}

/** The first trouble of any member. */
function degradedOf(members: SpaceMembers): { readonly degraded?: string } {
  const degraded = members.map(({ index }) => index.statistics().degraded).find((reason) => reason !== undefined);
  return degraded === undefined ? {} : { degraded };
}

/** The item as it lies in the space of its modality; as the first space knows it where that one lacks this version. */
export async function findItem<Member extends ServedSpace>(members: SpaceMembers<Member>, key: string) {
  const [first] = members;
  const found = await first.index.item(key);
  if (found === undefined) return undefined;
  const { modality, etag } = found.item;
  const home = members.find(({ modalities }) => modality !== undefined && modalities.has(modality)) ?? first;
  if (home === first) return { found, home };
  const own = await home.index.item(key);
  return { found: own?.item.etag === etag ? own : found, home };
}

/**
 * Which modalities are searched in which space: those that a model is chosen for by name, and every other one in the
 * first space whose model embeds it. `chosen` is parallel to `embedded`; undefined leaves it to that rule.
 */
export function assignModalities(
  embedded: readonly ReadonlySet<Modality>[],
  chosen: readonly (ReadonlySet<Modality> | undefined)[] = [],
): readonly ReadonlySet<Modality>[] {
  const assigned = embedded.map(() => new Set<Modality>());
  for (const modality of MODALITIES) {
    const named = embedded.findIndex((_, i) => chosen[i]?.has(modality) === true);
    const able = embedded.findIndex((modalities, i) => chosen[i] === undefined && modalities.has(modality));
    assigned[named >= 0 ? named : able]?.add(modality);
  }
  return assigned;
}
