/**
 * From "this key changed" to "searchable". One straight line for each object: receive > prepare > encode > apply >
 * acknowledge. Preparing (decoding, on libuv threads) runs ahead of encoding (ONNX Runtime's threads), bounded by a count
 * and by a byte budget. A message is acknowledged only after its change is stored.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, Item } from '#shared/catalog/item.ts';
import type { Clock } from '#shared/core/clock.ts';
import { type ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { Delivery, Queue } from '#shared/queue/queue.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { type ByteBudget, createByteBudget } from './byte-budget.ts';
import type { ChangeMessage, SequencedChange } from './change-message.ts';
import { encodeBatch } from './encode-batch.ts';
import { createHandOver, type HandOver } from './hand-over.ts';
import type { Prepared, PrepareObject } from './prepare.ts';
import { sequencerAfter } from './sequencer.ts';

export interface IngestDependencies {
  readonly queue: Pick<Queue<ChangeMessage>, 'receive'>;
  readonly index: VectorIndex;
  readonly encoder: Encoder;
  readonly prepare: PrepareObject;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when work on a message has ended for good, after its change is stored. */
  readonly onSettled?: (message: SequencedChange, outcome: 'done' | 'failed' | 'dead') => void;
}

export interface IngestOptions {
  /** Objects prepared at the same time. Default 8: libuv's four threads decode while others are read. */
  readonly prepareConcurrency?: number;
  /** Inputs in one call of the encoder. Default 32. */
  readonly batchInputs?: number;
  /** Decoded bytes that may wait for the encoder; one object may be larger. Default 32 MiB: some 200 pictures. */
  readonly budgetBytes?: number;
  /** A change waits at most this long to be stored with others. Default 200 ms. */
  readonly storeAfterMs?: number;
  /** Changes stored together at most. Default 512. */
  readonly storeChanges?: number;
  /** Deliveries after which a fault becomes a failed item. Default 5. */
  readonly maxAttempts?: number;
}

interface Ready {
  readonly delivery: Delivery<SequencedChange>;
  readonly prepared: Prepared;
}

interface Done {
  readonly delivery: Delivery<SequencedChange>;
  readonly change: Change;
  /** The delivery's attempts are spent: it goes to the dead letters once its failed item is stored. */
  readonly dead?: string;
}

const DEFAULTS: Required<IngestOptions> = {
  prepareConcurrency: 8,
  batchInputs: 32,
  budgetBytes: 32 * 1024 * 1024,
  storeAfterMs: 200,
  storeChanges: 512,
  maxAttempts: 5,
};
const LINGER_MS = 15; // how long a batch that is not full waits for another object
const RECEIVE_WAIT_MS = 1_000;
const RETRY_DELAY_MS = 500; // doubled at each attempt

/** Works on the queue until `signal` is aborted; then stores what is encoded and resolves. */
export async function ingest(deps: IngestDependencies, options: IngestOptions, signal: AbortSignal): Promise<void> {
  const settings = { ...DEFAULTS, ...options };
  const budget = createByteBudget(settings.budgetBytes);
  const ready = createHandOver<Ready>();
  const storage = createStorage(deps, settings);
  await Promise.all([
    prepareAhead(deps, settings, { budget, ready, storage }, signal).finally(() => ready.end()),
    encodeReady(deps, settings, { budget, ready, storage }, signal),
  ]);
}

interface Line {
  readonly budget: ByteBudget;
  readonly ready: HandOver<Ready>;
  readonly storage: Storage;
}

/** Receives and decodes, about two batches ahead of the encoder. */
async function prepareAhead(
  deps: IngestDependencies,
  settings: Required<IngestOptions>,
  line: Line,
  signal: AbortSignal,
) {
  const ahead = 2 * settings.batchInputs;
  const limit = createByteBudget(settings.prepareConcurrency); // one unit each
  const running = new Set<Promise<void>>();
  while (!signal.aborted) {
    if (running.size >= ahead) {
      await Promise.race(running);
      continue;
    }
    for (const delivery of await receive(deps, ahead - running.size, signal)) {
      const task = prepareOne(deps, settings, line, limit, delivery).finally(() => running.delete(task));
      running.add(task);
    }
  }
  await Promise.all(running);
}

/** None when the queue does not answer; it may again a moment later. @throws ChiasmError that waiting does not help */
async function receive({ queue, log }: IngestDependencies, limit: number, signal: AbortSignal) {
  try {
    return await queue.receive({ limit, waitMs: RECEIVE_WAIT_MS, signal });
  } catch (thrown) {
    const error = toChiasmError(thrown);
    if (!error.retryable) throw error;
    log.warn('ingest.not_received', { error });
    await sleep(RECEIVE_WAIT_MS, undefined, { signal }).catch(() => {}); // stopped
    return [];
  }
}

async function prepareOne(
  deps: IngestDependencies,
  settings: Required<IngestOptions>,
  line: Line,
  limit: ByteBudget,
  received: Delivery<ChangeMessage>,
): Promise<void> {
  const { key, operation } = received.message;
  await limit.acquire(1);
  let delivery = inOrder(received, undefined);
  try {
    const latest = await deps.index.latest(key);
    delivery = inOrder(received, latest?.sequencer);
    const { sequencer } = delivery.message;
    const seen = latest !== undefined && latest.sequencer >= sequencer;
    const prepared = seen ? 'unchanged' : operation === 'put' ? await deps.prepare(delivery.message) : 'gone';
    if (prepared === 'unchanged') {
      await tellQueue(deps, delivery, delivery.acknowledge());
      deps.onSettled?.(delivery.message, 'done');
    } else if (prepared === 'gone') {
      line.storage.add({ delivery, change: { operation: 'delete', key, sequencer } });
    } else {
      await line.budget.acquire(prepared.sizeBytes);
      line.ready.push({ delivery, prepared });
    }
  } catch (thrown) {
    await handleFault(deps, settings, line.storage, delivery, toChiasmError(thrown));
  } finally {
    limit.release(1);
  }
}

/** A message without a place gets the one right after what is known of its key. */
function inOrder(delivery: Delivery<ChangeMessage>, known: string | undefined): Delivery<SequencedChange> {
  const { message } = delivery;
  return { ...delivery, message: { ...message, sequencer: message.sequencer ?? sequencerAfter(known) } };
}

async function encodeReady(
  deps: IngestDependencies,
  settings: Required<IngestOptions>,
  line: Line,
  signal: AbortSignal,
): Promise<void> {
  const isFull = (objects: readonly Ready[]) =>
    objects.reduce((inputs, { prepared }) => inputs + Math.max(1, prepared.inputs.length), 0) >= settings.batchInputs;
  for (;;) {
    const batch = await line.ready.take(isFull, LINGER_MS);
    if (batch.length === 0) break;
    // Once stopped, what is left stays unacknowledged and comes again at the next start.
    const objects = batch.map(({ prepared }) => prepared);
    const results = signal.aborted ? [] : await encodeBatch(deps.encoder, objects, deps.clock);
    for (const [i, { delivery, prepared }] of batch.entries()) {
      line.budget.release(prepared.sizeBytes);
      const result = results[i];
      if (result === undefined) continue;
      if ('change' in result) line.storage.add({ delivery, change: result.change });
      else await handleFault(deps, settings, line.storage, delivery, result.fault);
    }
  }
  await line.storage.flush();
}

interface Storage {
  add(done: Done): void;
  flush(): Promise<void>;
}

/** Stores changes in groups, one group at a time, while the encoder goes on; then acknowledges their messages. */
function createStorage(deps: IngestDependencies, settings: Required<IngestOptions>): Storage {
  let waiting: Done[] = [];
  let storing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const store = async (group: readonly Done[]): Promise<void> => {
    try {
      await deps.index.apply(group.map(({ change }) => change));
    } catch (thrown) {
      const fault = toChiasmError(thrown);
      deps.log.error('ingest.store_failed', { changes: group.length, error: fault });
      if (group.length > 1 && !fault.retryable) {
        for (const done of group) await store([done]); // one change that is refused does not take others with it
      } else {
        for (const { delivery } of group) await giveBack(deps, settings, delivery, fault);
      }
      return;
    }
    await Promise.all(group.map((done) => settle(deps, done))); // together: a queue may settle many by one request
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const group = waiting;
    waiting = [];
    if (group.length > 0) storing = storing.then(() => store(group));
    return storing;
  };
  return {
    add: (done) => {
      waiting.push(done);
      if (waiting.length >= settings.storeChanges) void flush();
      else timer ??= setTimeout(flush, settings.storeAfterMs);
    },
    flush,
  };
}

/** The change of a message is stored. */
async function settle(deps: IngestDependencies, { delivery, change, dead }: Done): Promise<void> {
  await tellQueue(deps, delivery, dead === undefined ? delivery.acknowledge() : delivery.retry(dead));
  const failed = change.operation === 'put' && change.item.status === 'failed';
  deps.onSettled?.(delivery.message, dead !== undefined ? 'dead' : failed ? 'failed' : 'done');
}

/** A message of which the queue could not be told comes again after its time-out, which is harmless. */
async function tellQueue({ log }: IngestDependencies, { message }: Delivery<SequencedChange>, told: Promise<void>) {
  await told.catch((thrown) => log.warn('ingest.queue_not_told', { key: message.key, error: toChiasmError(thrown) }));
}

/**
 * A fault of the machine: tried again later, unless that cannot help. When the attempts are spent the item says why, and
 * the message is dead.
 */
async function handleFault(
  deps: IngestDependencies,
  settings: Required<IngestOptions>,
  storage: Storage,
  delivery: Delivery<SequencedChange>,
  fault: ChiasmError,
): Promise<void> {
  const { key, sequencer } = delivery.message;
  deps.log.warn('ingest.fault', { key, attempt: delivery.attempt, error: fault });
  const mayPass = fault.retryable || fault.code === 'internal';
  if (mayPass && delivery.attempt < settings.maxAttempts) {
    await tellQueue(deps, delivery, delivery.retry(fault.message, backoffMs(delivery.attempt)));
    return;
  }
  const item: Item = {
    key,
    sequencer,
    etag: '', // equals no object's etag, so that the next reconcile tries again
    status: 'failed',
    failure: { code: fault.code, message: fault.message },
    contentType: 'application/octet-stream',
    sizeBytes: 0,
    attributes: {},
    indexedAt: new Date(deps.clock.now()).toISOString(),
  };
  const change: Change = { operation: 'put', item, parts: [] };
  storage.add(mayPass ? { delivery, change, dead: fault.message } : { delivery, change });
}

/** What could not be stored comes again, or is dead when its attempts are spent. */
async function giveBack(
  deps: IngestDependencies,
  settings: Required<IngestOptions>,
  delivery: Delivery<SequencedChange>,
  fault: ChiasmError,
): Promise<void> {
  await tellQueue(deps, delivery, delivery.retry(fault.message, backoffMs(delivery.attempt)));
  if (delivery.attempt >= settings.maxAttempts) deps.onSettled?.(delivery.message, 'dead');
}

function backoffMs(attempt: number): number {
  return RETRY_DELAY_MS * 2 ** (attempt - 1);
}
