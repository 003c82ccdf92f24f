/** The indexed items of some modalities, read from the index page by page. */

import type { Filter } from '#shared/catalog/filter.ts';
import type { Item } from '#shared/catalog/item.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

const ITEMS_AT_ONCE = 500;

/** In ascending order of keys. */
export async function* indexedItems(
  index: Pick<VectorIndex, 'items'>,
  modalities: ReadonlySet<Modality>,
): AsyncGenerator<Item> {
  const filter: Filter = {
    kind: 'compare',
    field: 'modality',
    comparison: { operator: 'in', values: [...modalities] },
  };
  for (let after: string | undefined; ; ) {
    const items = await index.items({
      filter,
      status: 'indexed',
      limit: ITEMS_AT_ONCE,
      ...(after !== undefined && { after }),
    });
    yield* items;
    if (items.length < ITEMS_AT_ONCE) return;
    after = items.at(-1)!.key;
  }
}

/** Keys of the sounds that this model has not listened to: indexed before there was one, or with another. */
export async function* unheardSounds(index: Pick<VectorIndex, 'items'>, model: string): AsyncGenerator<string> {
  for await (const { key, transcribedBy } of indexedItems(index, new Set(['audio']))) {
    if (transcribedBy !== model) yield key;
  }
}
