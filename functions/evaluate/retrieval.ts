/** Recall@k of text-to-picture and picture-to-text retrieval, as reported for Flickr8k, Flickr30k and MSCOCO. */

import { dot } from '#shared/core/vector.ts';
import { bootstrapInterval, type Estimate } from './confidence-interval.ts';

export const RECALL_AT = [1, 5, 10] as const;

export interface RetrievalVectors {
  /** One normalised vector [D] for each picture, N of them. */
  readonly images: readonly Float32Array[];
  /** The vectors [D] of each picture's own captions, N lists. */
  readonly captions: readonly (readonly Float32Array[])[];
}

export interface RetrievalReport {
  readonly textToImage: Readonly<Record<number, Estimate>>;
  readonly imageToText: Readonly<Record<number, Estimate>>;
}

/**
 * recall@k = share of queries whose rank is at most k. A caption's rank is that of its picture among all N; a picture's
 * rank is that of the best of its own captions among all captions. Ties count against the query. Intervals of 95 % are
 * bootstrapped over pictures, because the captions of one picture are not independent.
 */
export function evaluateRetrieval(vectors: RetrievalVectors): RetrievalReport {
  const captionRanks = vectors.captions.map((own, i) =>
    own.map((caption) => rank(vectors.images, caption, vectors.images[i]!)),
  );
  const all = vectors.captions.flatMap((own, i) => own.map((vector) => ({ vector, image: i })));
  const imageRanks = vectors.images.map((image, i) => {
    const best = Math.max(...vectors.captions[i]!.map((caption) => dot(caption, image)));
    const ahead = all.filter((caption) => caption.image !== i && dot(caption.vector, image) >= best).length;
    return [ahead + 1];
  });
  return { textToImage: recalls(captionRanks), imageToText: recalls(imageRanks) };
}

/** 1 + the number of other rows at least as near to `query` as `target`. */
function rank(rows: readonly Float32Array[], query: Float32Array, target: Float32Array): number {
  const score = dot(query, target);
  return 1 + rows.filter((row) => row !== target && dot(query, row) >= score).length;
}

function recalls(ranksOfImages: readonly (readonly number[])[]): Record<number, Estimate> {
  return Object.fromEntries(
    RECALL_AT.map((k) => {
      const hits = ranksOfImages.map((ranks) => ({ sum: ranks.filter((r) => r <= k).length, count: ranks.length }));
      return [k, bootstrapInterval(hits)];
    }),
  );
}
