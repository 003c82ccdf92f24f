/**
 * A weighted list of terms as one query vector of each space. Indexed items bring their stored vectors; everything else is
 * encoded by the space's own model.
 */

import type { Item, Part } from '#shared/catalog/item.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot, normalize, weightedSum } from '#shared/core/vector.ts';
import { type ContentEmbedder, meanDirection } from '#shared/encoders/embed-content.ts';
import { noBridges, type SpaceBridges } from '#shared/spaces/space-bridge.ts';
import { findItem, type ServedSpace, type SpaceMembers, type SpaceSet } from '#shared/spaces/space-set.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { TermModality } from './calibrate.ts';
import type { ContentSource, QueryTerm } from './query.ts';

export interface ResolveTermsDependencies {
  readonly spaces: SpaceMembers;
  /** Where the bytes of an object are that is stored and not indexed yet. */
  readonly mediaStore: Pick<ObjectStore, 'get'>;
  /** Ways into spaces whose models do not embed a term. @default none */
  readonly bridges?: SpaceBridges;
}

export interface EmbeddedTerm extends TermModality {
  /** Normalised [D]. */
  readonly vector: Float32Array;
}

export interface QueryEmbedding {
  /** normalise(sum_i weight_i term_i), [D]. */
  readonly vector: Float32Array;
  readonly terms: readonly EmbeddedTerm[];
}

/** A term with what it refers to looked up. */
export type ResolvedTerm = TermModality &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'bytes'; readonly modality: 'image' | 'audio'; readonly bytes: Uint8Array }
    /** The vector [D] of an indexed item in its home space. */
    | {
        readonly kind: 'stored';
        readonly home: ServedSpace;
        readonly vector: Float32Array;
        readonly key: string;
        readonly parts: readonly Part[];
      }
  );

/** Below this norm the terms have cancelled out and the direction is rounding noise. */
const MIN_NORM = 1e-6;

/** @throws ChiasmError `not_found` for an unknown key, `unsupported_modality` for an item without a vector */
export async function resolveTerms(
  deps: ResolveTermsDependencies,
  terms: readonly QueryTerm[],
): Promise<readonly ResolvedTerm[]> {
  return Promise.all(terms.map((term, i) => resolveTerm(deps, term, `/query/${i}`)));
}

async function resolveTerm(deps: ResolveTermsDependencies, term: QueryTerm, path: string): Promise<ResolvedTerm> {
  const { weight } = term;
  if (term.kind === 'text') return { kind: 'text', modality: 'text', weight, text: term.text };
  const modality = term.kind === 'item' ? undefined : term.kind;
  const source: ContentSource = term.kind === 'item' ? term : term.source;
  if (modality !== undefined && source.kind === 'data') return { kind: 'bytes', modality, weight, bytes: source.bytes };
  const { key } = source as Extract<ContentSource, { kind: 'item' }>;
  const place = term.kind === 'item' ? `${path}/item` : `${path}/${term.kind}/item`;
  const known = await findItem(deps.spaces, key);
  if (known === undefined) {
    const stored = modality === undefined ? undefined : await deps.mediaStore.get(key);
    if (modality !== undefined && stored !== undefined) return { kind: 'bytes', modality, weight, bytes: stored.bytes };
    throw noItem(key, place);
  }
  const { parts } = known.found;
  return { kind: 'stored', weight, home: known.home, key, parts, ...storedVector(known.found, modality, place) };
}

/**
 * The terms in one space: by its model, else over a bridge from a space whose model embeds them. Undefined where no term
 * of positive weight gets there (of negative weight when none is positive); `unreached` lists those that do not.
 * @throws ChiasmError `invalid_request` when the terms cancel out
 */
export async function embedTerms(
  deps: ResolveTermsDependencies,
  space: ServedSpace,
  terms: readonly ResolvedTerm[],
): Promise<{ readonly embedding: QueryEmbedding | undefined; readonly unreached: readonly ResolvedTerm[] }> {
  const own = await vectorsOf(deps, space, terms);
  const crossed = await crossBridges(
    deps,
    space,
    terms.filter((_, i) => own[i] === undefined),
  );
  const embedded = terms.flatMap((term, i): EmbeddedTerm[] => {
    const { modality, weight } = term;
    const vector = own[i];
    const crossing = crossed.get(term);
    return vector !== undefined ? [{ modality, weight, vector }] : crossing ? [{ modality, weight, ...crossing }] : [];
  });
  const unreached = terms.filter((term, i) => own[i] === undefined && !crossed.has(term));
  const asks = terms.some(({ weight }) => weight > 0) ? ({ weight }: TermModality) => weight > 0 : () => true;
  if (!embedded.some(asks)) return { embedding: undefined, unreached };
  return { embedding: { vector: combineTerms(embedded), terms: embedded }, unreached };
}

type Crossing = Required<Pick<EmbeddedTerm, 'vector' | 'bridge'>>;

/** Terms that another served space can embed and a bridge leads from there into `space`. */
async function crossBridges(
  deps: ResolveTermsDependencies,
  space: ServedSpace,
  terms: readonly ResolvedTerm[],
): Promise<ReadonlyMap<ResolvedTerm, Crossing>> {
  const crossed = new Map<ResolvedTerm, Crossing>();
  if (terms.length === 0) return crossed;
  for (const bridge of await (deps.bridges ?? noBridges).into(space.encoder.space.id)) {
    const source = deps.spaces.find(({ encoder }) => encoder.space.id === bridge.from);
    if (source === undefined || source === space) continue;
    const left = terms.filter((term) => !crossed.has(term));
    const vectors = await vectorsOf(deps, source, left);
    for (const [i, term] of left.entries()) {
      const vector = vectors[i];
      if (vector !== undefined) crossed.set(term, { vector: await bridge.bridge(vector), bridge });
    }
  }
  return crossed;
}

/** A vector [D] of the space for each term; undefined where its model cannot embed the term. */
async function vectorsOf(
  deps: Pick<ResolveTermsDependencies, 'mediaStore'>,
  { encoder, embedder, index }: ServedSpace,
  terms: readonly ResolvedTerm[],
): Promise<(Float32Array | undefined)[]> {
  const texts = encoder.modalities.has('text') ? terms.filter((term) => term.kind === 'text') : [];
  const textVectors = await embedder.texts(texts.map(({ text }) => text));
  return Promise.all(
    terms.map(async (term): Promise<Float32Array | undefined> => {
      if (term.kind === 'stored' && term.home.index === index) return term.vector;
      if (!encoder.modalities.has(term.modality)) return undefined;
      if (term.kind === 'text') return textVectors[texts.indexOf(term)];
      if (term.kind === 'bytes') return embedder[term.modality](term.bytes);
      return embedAgain(deps, embedder, term);
    }),
  );
}

/** An item of another space, by this space's model. */
async function embedAgain(
  { mediaStore }: Pick<ResolveTermsDependencies, 'mediaStore'>,
  embedder: ContentEmbedder,
  { modality, key, parts }: Extract<ResolvedTerm, { kind: 'stored' }>,
): Promise<Float32Array | undefined> {
  if (modality === 'text') return meanDirection(await embedder.texts(parts.flatMap(({ text }) => text ?? [])));
  const stored = await mediaStore.get(key);
  return stored && embedder[modality](stored.bytes);
}

/** normalise(sum_i weight_i term_i), [D]. @throws ChiasmError `invalid_request` when the terms cancel out */
export function combineTerms(terms: readonly EmbeddedTerm[]): Float32Array {
  const largest = Math.max(...terms.map((term) => Math.abs(term.weight)));
  const weights = terms.map((term) => term.weight / largest); // so that no sum overflows
  const sum = weightedSum(
    terms.map((term) => term.vector),
    weights,
  );
  if (Math.sqrt(dot(sum, sum)) < MIN_NORM) {
    throw new ChiasmError('invalid_request', 'the weighted terms cancel out, so there is nothing to search for', {
      issues: [{ path: '/query', message: 'change a weight or leave out a term' }],
    });
  }
  return normalize(sum);
}

type Embedded = { readonly modality: Modality; readonly vector: Float32Array };

export interface EmbedSourceDependencies {
  readonly spaces: Pick<SpaceSet, 'items' | 'embedder'>;
  readonly mediaStore: Pick<ObjectStore, 'get'>;
}

/** A picture or sound of a request as one vector [D]: the stored one of an indexed item, else encoded now. */
export async function embedSource(
  deps: EmbedSourceDependencies,
  modality: 'image' | 'audio',
  source: ContentSource,
  path: string,
): Promise<Embedded> {
  if (source.kind === 'data') return { modality, vector: await deps.spaces.embedder[modality](source.bytes) };
  const found = await deps.spaces.items.item(source.key);
  if (found !== undefined) return storedVector(found, modality, `${path}/item`);
  const stored = await deps.mediaStore.get(source.key);
  if (stored === undefined) throw noItem(source.key, `${path}/item`);
  return { modality, vector: await deps.spaces.embedder[modality](stored.bytes) };
}

/** The mean of an item's stored vectors. @throws ChiasmError when it has none, or is of another modality than asked */
function storedVector(
  { item, parts }: { readonly item: Item; readonly parts: readonly Part[] },
  modality: Modality | undefined,
  path: string,
): Embedded {
  const { key } = item;
  if (modality !== undefined && item.modality !== modality) {
    throw new ChiasmError(
      'invalid_request',
      `expected an item with ${modality}; ${key} holds ${item.modality ?? 'nothing that was read'}`,
      { issues: [{ path, message: `expected an item with ${modality}` }] },
    );
  }
  const vectors = parts.flatMap((part) => (part.vector === undefined ? [] : [part.vector]));
  if (vectors.length === 0 || item.modality === undefined) {
    throw new ChiasmError(
      'unsupported_modality',
      `${key} has no vector to search by: ${item.failure?.message ?? 'the model has no tower for it'}`,
      { issues: [{ path, message: 'expected an item that the model has embedded' }] },
    );
  }
  return { modality: item.modality, vector: meanDirection(vectors) };
}

function noItem(key: string, path: string): ChiasmError {
  return new ChiasmError('not_found', `there is no indexed item ${JSON.stringify(key)}`, {
    issues: [{ path, message: 'expected the key of an indexed item' }],
  });
}
