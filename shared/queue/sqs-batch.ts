/** Amazon SQS takes ten entries a request and answers for each of them: batches, and the second try of what failed alone. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';

export const BATCH_ENTRIES = 10;
const REQUESTS_AT_ONCE = 8;
const TRIES = 5;
const FIRST_PAUSE_MS = 100;

type SendBatch<Entry> = (
  entries: readonly (Entry & { readonly Id: string })[],
) => Promise<{ readonly Failed?: readonly BatchResultErrorEntry[] | undefined }>;

export interface FailedEntry<Entry> {
  readonly entry: Entry;
  readonly reason: string;
}

/**
 * Sends all entries, those that SQS failed by its own fault again.
 * @param fits whether an entry may join a batch; @default always
 * @returns the entries that failed for good: refused, or failed at every try
 */
export async function sendInBatches<Entry extends object>(
  entries: readonly Entry[],
  send: SendBatch<Entry>,
  fits: (batch: readonly Entry[], next: Entry) => boolean = () => true,
): Promise<FailedEntry<Entry>[]> {
  const batches = cutIntoBatches(entries, fits);
  const failed: FailedEntry<Entry>[] = [];
  const worker = async () => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      failed.push(...(await sendBatch(batch, send)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(REQUESTS_AT_ONCE, batches.length) }, worker));
  return failed;
}

async function sendBatch<Entry extends object>(
  batch: readonly Entry[],
  send: SendBatch<Entry>,
): Promise<FailedEntry<Entry>[]> {
  const failed: FailedEntry<Entry>[] = [];
  let left = batch;
  for (let tries = 1; left.length > 0; tries++) {
    const current = left;
    const { Failed = [] } = await send(current.map((entry, i) => ({ ...entry, Id: String(i) })));
    const again: Entry[] = [];
    for (const { Id, SenderFault, Code, Message } of Failed) {
      const entry = current[Number(Id)]!;
      if (SenderFault || tries === TRIES) failed.push({ entry, reason: [Code, Message].filter(Boolean).join(': ') });
      else again.push(entry);
    }
    left = again;
    if (left.length > 0) await sleep(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2));
  }
  return failed;
}

function cutIntoBatches<Entry>(entries: readonly Entry[], fits: (batch: readonly Entry[], next: Entry) => boolean) {
  const batches: Entry[][] = [];
  for (const entry of entries) {
    const last = batches.at(-1);
    if (last !== undefined && last.length < BATCH_ENTRIES && fits(last, entry)) last.push(entry);
    else batches.push([entry]);
  }
  return batches;
}
