/**
 * Builds the space of the next model beside the one that answers, or estimates what that takes, and ends. What it came to is
 * in the log and in the state bucket. Killed or told to stop, it goes on where it was when it is started again.
 */

import { BUILD_REPORT_KEY } from '#shared/core/state-keys.ts';
import { buildSpace } from '#shared/ingest/build-space.ts';
import { cloudCost, cloudQuantities, estimateBuild } from '#shared/ingest/estimate-build.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { composeBuilder, type FormerSpace } from './compose.ts';
import { readEnvironment } from './env.ts';

const REFRESH_MS = 30_000;
const PROGRESS_MS = 60_000;
/** A space that lacks more of what the former one answers with than this share is not one to switch to unasked. */
const MAX_LOST_SHARE = 0.01;

const environment = readEnvironment();
const { line, planned, openFormer, stateStore, speech, clock, log } = await composeBuilder(environment);
const { index, encoder } = line;

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
/** Takes in what the compactor has folded, so that what is fresh here does not grow for ever. */
const refreshing = setInterval(() => void index.refresh(), REFRESH_MS);

const former = await openFormer();
try {
  const facts = environment.CHIASM_BUILD_MODE === 'estimate' ? await estimate(former) : await build(former);
  const report = { space: encoder.space.id, former: former?.id, at: new Date(clock.now()).toISOString(), ...facts };
  await stateStore.put(BUILD_REPORT_KEY, Buffer.from(JSON.stringify(report, null, 1)), {
    contentType: 'application/json',
  });
  log.info('builder.ended', report);
} finally {
  clearInterval(refreshing);
  await former?.index.close();
  await index.close();
  await encoder.close();
  await speech?.close();
}

/** Measured on this machine, on a sample of what the former space holds. */
async function estimate(beside: FormerSpace | undefined) {
  if (beside === undefined) return { status: 'nothing to estimate: no other space holds anything' };
  const { items, seconds, sizeBytes, samples } = await estimateBuild(beside.index, [planned], [beside.size], clock);
  const quantities = cloudQuantities({ items, seconds, sizeBytes });
  const prices = environment.CHIASM_BUILD_PRICES;
  return { status: 'estimated', items, ...quantities, ...(prices && { usd: cloudCost(quantities, prices) }), samples };
}

async function build(beside: FormerSpace | undefined) {
  let loggedAtMs = clock.now();
  const onProgress = (done: number, total: number) => {
    if (done < total && clock.now() - loggedAtMs < PROGRESS_MS) return;
    loggedAtMs = clock.now();
    log.info('builder.progress', { done, total });
  };
  await buildSpace({ ...line, onProgress }, {}, stopping.signal);
  const [indexed, before] = [indexedItems(index), beside ? indexedItems(beside.index) : 0];
  const { items } = index.statistics();
  const lost = Math.max(0, before - indexed);
  if (lost <= MAX_LOST_SHARE * before) return { status: 'built', items, indexed, before };
  const advice = 'the new model cannot embed them, or their files cannot be read; look at them before you switch';
  return {
    status: 'held',
    reason: `${lost} items that are searchable now are not in the new space: ${advice}`,
    items,
    indexed,
    before,
  };
}

function indexedItems(of: VectorIndex): number {
  return of.statistics().counts.reduce((sum, { status, items }) => sum + (status === 'indexed' ? items : 0), 0);
}
