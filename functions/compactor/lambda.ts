/**
 * Folds deltas into generations: of every space on a schedule, of one space when a delta of it was stored and there are
 * enough of them. Any number of runs at once is harmless; one wins.
 */

import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { METRIC } from '#functions/metric-names.ts';
import { spaceOfDelta } from '#shared/core/state-keys.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { listSpaceIds, readStoredSpace } from '#shared/vector-index/stored-spaces.ts';
import { composeCompactor } from './compose.ts';
import { readEnvironment } from './env.ts';

const eventSchema = z.union([
  z
    .object({ source: z.literal('aws.s3'), detail: z.object({ object: z.object({ key: z.string() }) }) })
    .transform(({ detail }) => ({ delta: detail.object.key })),
  z.object({ source: z.literal('chiasm.schedule') }).transform(() => 'all' as const),
]);

interface Answer {
  /** Spaces that were folded, with the number of their new generation. */
  readonly compacted: Readonly<Record<string, number>>;
}

/** Kept at the end of an invocation: a compaction that is cut off leaves everything as it was, but says nothing. */
const ENDING_MS = 5_000;

const environment = readEnvironment();
const { store, scratchFolder, clock, log, metrics } = composeCompactor(environment);

/** @throws ChiasmError what the first space met that could not be folded, after the others were */
export async function handler(event: unknown, context: Context): Promise<Answer> {
  const asked = eventSchema.parse(event);
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ENDING_MS));
  const compacted: Record<string, number> = {};
  const failures: unknown[] = [];
  for (const id of await spacesOf(asked)) {
    try {
      const generation = await fold(id, asked === 'all' ? 1 : environment.CHIASM_COMPACT_AFTER_DELTAS, signal);
      if (generation !== undefined) compacted[id] = generation;
    } catch (error) {
      log.error('compaction.failed', { space: id, requestId: context.awsRequestId, error });
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return { compacted };
}

async function spacesOf(asked: z.output<typeof eventSchema>): Promise<readonly string[]> {
  if (asked === 'all') return Array.fromAsync(listSpaceIds(store));
  const space = spaceOfDelta(asked.delta);
  return space === undefined ? [] : [space];
}

/** The number of the new generation; undefined when there were fewer deltas than `atLeast`, or another run was faster. */
async function fold(id: string, atLeast: number, signal: AbortSignal): Promise<number | undefined> {
  const { space, deltas } = await readStoredSpace(store, id);
  if (space === undefined || deltas < atLeast) return undefined;
  const startedMs = performance.now();
  const outcome = await compact({ store, space, clock, log, scratchFolder }, { signal });
  if (outcome.kind !== 'compacted') return undefined;
  const { generation, foldedDeltas, items, parts } = outcome;
  metrics.put(
    'compaction.finished',
    { [METRIC.indexItems]: [items, 'Count'] },
    { space: id, generation, foldedDeltas, parts, tookMs: Math.round(performance.now() - startedMs) },
  );
  return generation;
}
