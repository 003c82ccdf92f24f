/** "How many pictures do I have?": items of the collection counted, whatever they show. */

import type { Filter } from '#shared/catalog/filter.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { Answer, AnswerDependencies, AnswerRequest } from './answer.ts';

const PAGE_ITEMS = 1000;

export async function answerFromSize(
  { index, ranking }: AnswerDependencies,
  { question, scope }: AnswerRequest,
  modality: Modality | undefined,
): Promise<Answer> {
  const items =
    scope?.filter === undefined ? countAll(index, modality) : await countMatching(index, scope.filter, modality);
  return {
    question,
    answer: String(items),
    confidence: 1,
    alternatives: [],
    evidence: [],
    abstained: false,
    basis: { kind: 'matches', query: '', minProbability: 0, matches: items, expected: items },
    model: ranking.name,
  };
}

function countAll(index: AnswerDependencies['index'], modality: Modality | undefined): number {
  return index
    .statistics()
    .counts.filter((count) => count.status === 'indexed' && (modality === undefined || count.modality === modality))
    .reduce((sum, { items }) => sum + items, 0);
}

async function countMatching(
  index: AnswerDependencies['index'],
  filter: Filter,
  modality: Modality | undefined,
): Promise<number> {
  const query = { filter, status: 'indexed', limit: PAGE_ITEMS, ...(modality && { modality }) } as const;
  let items = 0;
  for (let after: string | undefined; ; ) {
    const page = await index.items({ ...query, ...(after !== undefined && { after }) });
    items += page.length;
    if (page.length < PAGE_ITEMS) return items;
    after = page.at(-1)!.key;
  }
}
