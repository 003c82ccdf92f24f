/** The one rule that orders the writes of a key, whoever wrote them and whenever they arrive. */

import type { Stamp } from '#shared/catalog/catalog.ts';
import type { Change } from '#shared/catalog/item.ts';

export function stampOf(change: Change): Stamp & { readonly key: string } {
  if (change.operation === 'delete') return change;
  return { key: change.item.key, sequencer: change.item.sequencer, operation: 'put' };
}

/** The greater sequencer wins; of equal ones a delete beats a put, and otherwise the one that is already there stays. */
export function isNewer(candidate: Stamp, current: Stamp | undefined): boolean {
  if (current === undefined || candidate.sequencer > current.sequencer) return true;
  return candidate.sequencer === current.sequencer && candidate.operation === 'delete' && current.operation === 'put';
}
