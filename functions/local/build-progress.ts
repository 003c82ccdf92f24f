/** How far spaces that are built beside the live ones have come: progress, what is left to do, and what they would lose. */

import type { BuildProgress } from '#functions/api/app-dependencies.ts';
import type { Clock } from '#shared/core/clock.ts';
import { type BuildEstimate, estimateBuild, type PlannedSpace } from '#shared/ingest/estimate-build.ts';
import { spaceBytes } from '#shared/spaces/kept-space.ts';
import { type SpaceRecord, scopeOf } from '#shared/spaces/space-record.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { LineSet } from './space-line.ts';

/** A space that lost more of its items than this share is not switched to unasked. */
const MAX_LOST_SHARE = 0.01;

export function buildProgress(live: LineSet, building: LineSet): BuildProgress {
  const [{ index, inbox }] = building.members;
  const { items, counts } = index.statistics();
  const { pending, itemsPerSecond, secondsLeft } = inbox.backlog();
  const failed = counts.reduce((sum, count) => sum + (count.status === 'failed' ? count.items : 0), 0);
  const total = Math.max(live.items.statistics().items, items);
  return {
    progress: total === 0 ? 1 : items / total,
    done: items,
    total,
    failed,
    ...(itemsPerSecond !== undefined && pending > 0 && { itemsPerSecond, secondsLeft: secondsLeft! }),
  };
}

/** Measures what is left of the build on a sample. */
export async function estimateLeft(
  { stateStore, clock }: { readonly stateStore: ObjectStore; readonly clock: Clock },
  record: SpaceRecord,
  live: LineSet,
  building: LineSet,
): Promise<BuildEstimate> {
  const planned = building.members.map(({ encoder, index, prepareAnew }): PlannedSpace => {
    const counts = index.statistics().counts.filter(({ status }) => status === 'indexed');
    const has = Object.fromEntries(counts.map(({ modality, items }) => [modality, items]));
    return { encoder, prepare: prepareAnew, scope: scopeOf(record, encoder.space.id), has };
  });
  const present = await Promise.all(record.live.map((space) => spaceBytes(stateStore, space)));
  return estimateBuild(live.items, planned, present, clock);
}

/** Why the built spaces must not take over unasked; undefined when they may. */
export function lostItems(live: LineSet, building: LineSet): string | undefined {
  const indexed = (set: LineSet) =>
    set.items.statistics().counts.reduce((sum, { status, items }) => sum + (status === 'indexed' ? items : 0), 0);
  const lost = indexed(live) - indexed(building);
  if (lost <= MAX_LOST_SHARE * indexed(live)) return undefined;
  return (
    `${lost} items that are searchable now are not in the new index: the new model cannot embed them, or their files ` +
    'cannot be read now. Switch all the same, or drop the new space'
  );
}
