/**
 * The two candidate lists of a query (nearness of vectors, words) as one ranking of items, each with its best part.
 * Nothing here reads the index: `search.ts` fetches, this file orders.
 */

import type { LexicalHit, PartHit, VectorHit } from '#shared/vector-index/vector-index.ts';
import { type MatchCalibration, matchLogit } from './calibrate.ts';
import { fuseRanks } from './fuse-ranks.ts';
import type { MatchProbability } from './match-probability.ts';

/** Parts of the vector list, and hits of the word list, that take part in the fusion; fixed, so that pages agree. */
export const FUSION_DEPTH = 50;

export interface Candidate {
  readonly best: PartHit;
  /** Undefined for a hit by words whose cosine is not known yet. */
  readonly score: number | undefined;
  /** Of the part that was found by its vector, [D]. */
  readonly vector: Float32Array | undefined;
  readonly matched: 'vector' | 'text' | 'both';
  readonly snippet?: string;
}

/** The hits of one vector search, best first. */
export interface VectorList {
  readonly hits: readonly VectorHit[];
  /** Of the query and all items of the list; undefined where no calibration says. */
  readonly calibration: MatchCalibration | undefined;
}

/**
 * One list of parts, best first. Cosines of different lists do not compare (other modalities, other models): where every
 * list is calibrated they are merged by match logit, else by their ranks. Equal ones are in ascending order of keys, so
 * that the order is the same each time.
 */
export function orderParts(lists: readonly VectorList[]): readonly VectorHit[] {
  const [only] = lists;
  const calibrated = lists.every(({ calibration }) => calibration !== undefined);
  const orderOf = ({ calibration }: VectorList, hit: VectorHit, rank: number) =>
    lists.length === 1 ? hit.score : calibrated ? matchLogit(calibration!, hit.score) : -rank;
  if (only === undefined) return [];
  const parts = lists.flatMap((list) => list.hits.map((hit, rank) => ({ hit, order: orderOf(list, hit, rank) })));
  parts.sort((a, b) => b.order - a.order || compareKeys(a.hit, b.hit) || a.hit.ordinal - b.hit.ordinal);
  return parts.map(({ hit }) => hit);
}

/**
 * Items in their final order; of two that fusion finds equal, the one that contains the words comes first. The first `FUSION_DEPTH` vector parts and the word hits are fused by reciprocal rank; the
 * rest of the vector list follows in its own order, which is the order fusion would give it.
 */
export function rankCandidates(parts: readonly VectorHit[], lexical: readonly LexicalHit[]): readonly Candidate[] {
  const vectorHits = new Map<string, VectorHit>();
  let fusedItems = 0;
  parts.forEach((hit, i) => {
    if (!vectorHits.has(hit.item.key)) vectorHits.set(hit.item.key, hit);
    if (i < FUSION_DEPTH) fusedItems = vectorHits.size;
  });
  const vectorKeys = [...vectorHits.keys()];
  const lexicalHits = new Map<string, LexicalHit>();
  for (const hit of lexical) if (!lexicalHits.has(hit.item.key)) lexicalHits.set(hit.item.key, hit);

  const fusedKeys = vectorKeys.slice(0, fusedItems);
  const inFusion = new Set(fusedKeys);
  const order = lexicalHits.size === 0 ? fusedKeys : fuseRanks([[...lexicalHits.keys()], fusedKeys]);
  const tail = vectorKeys.slice(fusedItems).filter((key) => !lexicalHits.has(key));
  return [...order, ...tail].map((key) => {
    const vectorHit = vectorHits.get(key);
    const lexicalHit = lexicalHits.get(key);
    const near = vectorHit !== undefined && (lexicalHit === undefined || inFusion.has(key));
    return {
      best: near ? vectorHit : lexicalHit!,
      score: vectorHit?.score,
      vector: vectorHit?.vector,
      matched: lexicalHit === undefined ? 'vector' : near ? 'both' : 'text',
      ...(lexicalHit?.snippet === undefined ? {} : { snippet: lexicalHit.snippet }),
    };
  });
}

/**
 * Whether a candidate stays under `minProbability`. The probability speaks of the vector match only, so what contains the
 * words literally stays whatever its probability; without a calibration a probability is unknown and does not reach it.
 */
export function reaches(
  candidate: Candidate,
  minProbability: number | undefined,
  probabilityOf: MatchProbability | undefined,
): boolean {
  if (minProbability === undefined || candidate.matched !== 'vector') return true;
  const { modality } = candidate.best.item;
  if (modality === undefined || candidate.vector === undefined) return false;
  return (probabilityOf?.(modality, candidate.vector) ?? 0) >= minProbability;
}

function compareKeys(a: PartHit, b: PartHit): number {
  return a.item.key < b.item.key ? -1 : a.item.key > b.item.key ? 1 : 0;
}
