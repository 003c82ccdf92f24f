/** Trained alignments as bridges between spaces: listed again now and then, opened when first needed. */

import type { Clock } from '#shared/core/clock.ts';
import { toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { Alignment } from '#shared/learning/alignment/alignment.ts';
import type { TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import type { SpaceBridge, SpaceBridges } from './space-bridge.ts';

interface StoredAlignment {
  readonly name: string;
  /** Changes when it is trained again. */
  readonly training: string;
  readonly from: string;
  readonly to: string;
  readonly createdAt: string;
  /** Of the pairs that it was trained on, where either side was of one kind. */
  readonly modalities?: { readonly from: Modality; readonly to: Modality } | undefined;
}

type OpenBridge = Pick<Alignment, 'bridge' | 'close'> & { readonly card: Pick<Alignment['card'], 'calibration'> };

/** What is read of the store of alignments. */
export interface StoredAlignments {
  list(): Promise<readonly StoredAlignment[]>;
  open(name: string, deps: TrainerDependencies): Promise<OpenBridge>;
}

export interface AlignmentBridgesDependencies {
  readonly alignments: StoredAlignments;
  readonly trainer: TrainerDependencies;
  readonly clock: Clock;
  readonly log: Log;
}

/** A new training is used after this at the latest. */
const LIST_AGAIN_MS = 5_000;

export function createAlignmentBridges(deps: AlignmentBridgesDependencies): SpaceBridges & { close(): Promise<void> } {
  const { alignments, clock, log } = deps;
  const opened = new Map<string, Promise<OpenBridge>>();
  let listing: { readonly atMs: number; readonly found: Promise<readonly StoredAlignment[]> } | undefined;

  const list = () => {
    if (listing === undefined || clock.now() - listing.atMs >= LIST_AGAIN_MS) {
      listing = { atMs: clock.now(), found: alignments.list() };
      listing.found.catch(() => (listing = undefined)); // the next query asks again
    }
    return listing.found;
  };
  const open = ({ name, training }: StoredAlignment) => {
    const id = `${name}/${training}`;
    const alignment = opened.get(id) ?? alignments.open(name, deps.trainer);
    opened.set(id, alignment);
    alignment.catch(() => opened.delete(id));
    return alignment;
  };

  return {
    into: async (spaceId) => {
      const usable = (await list()).filter(({ from, to }) => to === spaceId && from !== to);
      const newestFirst = [...usable].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
      const bridges: SpaceBridge[] = [];
      for (const stored of newestFirst) {
        try {
          const { name, from, to, modalities } = stored;
          const { bridge, card } = await open(stored);
          const calibration = modalities && card.calibration && { ...card.calibration, ...modalities };
          bridges.push({ name, from, to, bridge, ...(calibration && { calibration }) });
        } catch (error) {
          log.warn('bridge.not_opened', { alignment: stored.name, error: toChiasmError(error) }); // the query says what it did not reach
        }
      }
      return bridges;
    },
    close: async () => {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      await Promise.all(all.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)));
    },
  };
}
