/** Erasing from the spaces that do not answer: of the model before, or of the one to come. */

import { sequencerAfter } from '#shared/ingest/sequencer.ts';
import { type ErasureReceipt, erase } from '#shared/vector-index/erase.ts';
import { otherSpaces } from '#shared/vector-index/stored-spaces.ts';
import { openSpaceIndex, type VectorEnvironment } from './compose.ts';

/** One receipt for each space that knows anything of the item. */
export async function eraseElsewhere(
  environment: VectorEnvironment,
  deps: Parameters<typeof openSpaceIndex>[1],
  key: string,
): Promise<readonly ErasureReceipt[]> {
  const receipts: ErasureReceipt[] = [];
  for (const space of await otherSpaces(deps.store, deps.space.id)) {
    const index = await openSpaceIndex(environment, { ...deps, space });
    try {
      const known = await index.latest(key);
      if (known === undefined) continue;
      receipts.push(await erase({ ...deps, space, index }, [{ key, sequencer: sequencerAfter(known.sequencer) }]));
    } finally {
      await index.close();
    }
  }
  return receipts;
}
