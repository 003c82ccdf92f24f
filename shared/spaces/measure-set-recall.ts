/** Recall over the spaces that answer together: each one gives queries by its share of the parts. */

import { measureRecall, type RecallEstimate, type RecallOptions } from '#shared/vector-index/measure-recall.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

type RecallIndex = Pick<VectorIndex, 'sampleVectors' | 'searchVectors' | 'statistics'>;

export async function measureSetRecall(
  members: readonly { readonly index: RecallIndex }[],
  options: RecallOptions,
): Promise<RecallEstimate> {
  const indexOf = new Map<Float32Array, RecallIndex>(); // a query is asked where it was drawn
  const parts = members.map(({ index }) => index.statistics().parts);
  const allParts = parts.reduce((sum, count) => sum + count, 0);
  return measureRecall(
    {
      sampleVectors: async (count, random) => {
        const drawn = members.map(async ({ index }, i) => {
          const vectors = await index.sampleVectors(Math.ceil((count * parts[i]!) / Math.max(allParts, 1)), random);
          for (const vector of vectors) indexOf.set(vector, index);
          return vectors;
        });
        return (await Promise.all(drawn)).flat().slice(0, count);
      },
      searchVectors: (query) => indexOf.get(query.vector)!.searchVectors(query),
    },
    options,
  );
}
