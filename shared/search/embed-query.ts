/** A weighted list of terms as one query vector. Indexed items bring their stored vectors; everything else is encoded. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { dot, normalize, weightedSum } from '#shared/core/vector.ts';
import { type ContentEmbedder, meanDirection } from '#shared/encoders/embed-content.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { TermModality } from './calibrate.ts';
import type { ContentSource, QueryTerm } from './query.ts';

export interface EmbedQueryDependencies {
  readonly index: Pick<VectorIndex, 'item'>;
  readonly embedder: ContentEmbedder;
  /** Where the bytes of an object are that is stored and not indexed yet. */
  readonly mediaStore: Pick<ObjectStore, 'get'>;
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

/** Below this norm the terms have cancelled out and the direction is rounding noise. */
const MIN_NORM = 1e-6;

/**
 * @throws ChiasmError `not_found` for an unknown key, `unsupported_modality` for a term the model cannot embed,
 *   `invalid_request` when the terms cancel out
 */
export async function embedQuery(deps: EmbedQueryDependencies, terms: readonly QueryTerm[]): Promise<QueryEmbedding> {
  const textTerms = terms.filter((term) => term.kind === 'text');
  const textVectors = await deps.embedder.texts(textTerms.map((term) => term.text));
  const embeddedTerms: EmbeddedTerm[] = [];
  let nextText = 0;
  for (const [i, term] of terms.entries()) {
    const embedded =
      term.kind === 'text'
        ? { modality: 'text' as const, vector: textVectors[nextText++]! }
        : await embedContentTerm(deps, term, `/query/${i}`);
    embeddedTerms.push({ ...embedded, weight: term.weight });
  }
  return { vector: combineTerms(embeddedTerms), terms: embeddedTerms };
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

export type Embedded = { readonly modality: Modality; readonly vector: Float32Array };

async function embedContentTerm(
  deps: EmbedQueryDependencies,
  term: Exclude<QueryTerm, { kind: 'text' }>,
  path: string,
): Promise<Embedded> {
  if (term.kind === 'item') return storedVector(deps, term.key, undefined, `${path}/item`);
  return embedSource(deps, term.kind, term.source, `${path}/${term.kind}`);
}

/** A picture or sound of a request as one vector [D]: the stored one of an indexed item, else encoded now. */
export async function embedSource(
  deps: EmbedQueryDependencies,
  modality: 'image' | 'audio',
  source: ContentSource,
  path: string,
): Promise<Embedded> {
  if (source.kind === 'item') return storedVector(deps, source.key, modality, `${path}/item`);
  return { modality, vector: await deps.embedder[modality](source.bytes) };
}

/** The mean of an item's stored vectors; an object that is not indexed yet is encoded when its modality is given. */
async function storedVector(
  deps: EmbedQueryDependencies,
  key: string,
  modality: 'image' | 'audio' | undefined,
  path: string,
): Promise<Embedded> {
  const found = await deps.index.item(key);
  if (found === undefined) {
    const stored = modality === undefined ? undefined : await deps.mediaStore.get(key);
    if (modality !== undefined && stored !== undefined) {
      return { modality, vector: await deps.embedder[modality](stored.bytes) };
    }
    throw new ChiasmError('not_found', `there is no indexed item ${JSON.stringify(key)}`, {
      issues: [{ path, message: 'expected the key of an indexed item' }],
    });
  }
  const { item, parts } = found;
  if (modality !== undefined && item.modality !== modality) {
    throw new ChiasmError(
      'invalid_request',
      `expected an item with ${modality}; ${key} holds ${item.modality ?? 'nothing that was read'}`,
      {
        issues: [{ path, message: `expected an item with ${modality}` }],
      },
    );
  }
  const vectors = parts.flatMap((part) => (part.vector === undefined ? [] : [part.vector]));
  if (vectors.length === 0 || item.modality === undefined) {
    throw new ChiasmError(
      'unsupported_modality',
      `${key} has no vector to search by: ${item.failure?.message ?? 'the model has no tower for it'}`,
      {
        issues: [{ path, message: 'expected an item that the model has embedded' }],
      },
    );
  }
  return { modality: item.modality, vector: meanDirection(vectors) };
}
