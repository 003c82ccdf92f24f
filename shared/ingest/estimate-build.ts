/**
 * What it takes to embed a collection with another model, before it is done: a sample of the items is really read,
 * decoded and embedded on this machine, each modality by itself, and nothing of it is stored.
 */

import type { Item } from '#shared/catalog/item.ts';
import type { Clock } from '#shared/core/clock.ts';
import { MODALITIES, type Modality } from '#shared/core/modality.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { encodeBatch } from './encode-batch.ts';
import type { Prepared, PrepareObject } from './prepare.ts';

/** One of the spaces that would be built. */
export interface PlannedSpace {
  readonly encoder: Encoder;
  /** Must not know of any item yet: what it finds unchanged is not measured. */
  readonly prepare: PrepareObject;
  /** Of which modalities it indexes items; all when undefined. */
  readonly scope: ReadonlySet<Modality> | undefined;
  /** Items that it has already, by modality. */
  readonly has: Readonly<Partial<Record<Modality, number>>>;
}

/** What the present spaces take in the store. */
export interface PresentSpace {
  readonly dimensions: number;
  /** Bytes that grow with the vectors' size, and those that do not. */
  readonly vectorBytes: number;
  readonly otherBytes: number;
}

export interface BuildEstimate {
  /** Items to read and embed. */
  readonly items: number;
  /** On this machine, while it has nothing else to do. */
  readonly seconds: number;
  /** In the store, for the new spaces in all. */
  readonly sizeBytes: number;
  readonly samples: readonly {
    readonly space: string;
    readonly modality: Modality;
    readonly items: number;
    readonly sampled: number;
    readonly secondsPerItem: number;
  }[];
}

const SAMPLE_ITEMS = 48;
const BATCH_ITEMS = 16;
const WARM_UP_ITEMS = 4;
/** Of one modality; what was measured by then must do. */
const SAMPLE_SECONDS = 4;
const PAGE_ITEMS = 500;

export async function estimateBuild(
  items: Pick<VectorIndex, 'items'>,
  planned: readonly PlannedSpace[],
  present: readonly PresentSpace[],
  clock: Clock,
): Promise<BuildEstimate> {
  const collection = await sampleItems(items);
  const samples: BuildEstimate['samples'][number][] = [];
  let sizeBytes = 0;
  for (const space of planned) {
    let own = 0;
    for (const modality of MODALITIES) {
      const { count, keys } = collection[modality];
      if (space.scope?.has(modality) === false || count === 0) continue;
      own += count;
      const left = Math.max(0, count - (space.has[modality] ?? 0));
      if (left === 0) continue;
      const { sampled, seconds } = await measure(space, keys, clock);
      const secondsPerItem = sampled === 0 ? 0 : seconds / sampled;
      samples.push({ space: space.encoder.space.id, modality, items: left, sampled, secondsPerItem });
    }
    const all = MODALITIES.reduce((sum, modality) => sum + collection[modality].count, 0);
    sizeBytes += (own / Math.max(1, all)) * spaceBytes(space.encoder.space.dimensions, present);
  }
  return {
    items: samples.reduce((sum, sample) => sum + sample.items, 0),
    seconds: samples.reduce((sum, sample) => sum + sample.items * sample.secondsPerItem, 0),
    sizeBytes: Math.round(sizeBytes),
    samples,
  };
}

/** bytes = other + sum_i vectors_i D / D_i: vectors and graph grow with the dimensions, the catalog does not. */
function spaceBytes(dimensions: number, present: readonly PresentSpace[]): number {
  const other = present[0]?.otherBytes ?? 0; // the first space's catalog is that of all items
  return present.reduce((sum, space) => sum + (space.vectorBytes * dimensions) / space.dimensions, other);
}

type Collection = Record<Modality, { count: number; keys: Pick<Item, 'key'>[] }>;

/** Counts the indexed items and draws a few of each modality, each one as likely as any other (reservoir sampling). */
async function sampleItems(index: Pick<VectorIndex, 'items'>): Promise<Collection> {
  const collection: Collection = {
    image: { count: 0, keys: [] },
    audio: { count: 0, keys: [] },
    text: { count: 0, keys: [] },
  };
  for (let after: string | undefined; ; ) {
    const query = { status: 'indexed', limit: PAGE_ITEMS, ...(after === undefined ? {} : { after }) } as const;
    const page = await index.items(query);
    for (const { key, modality } of page) {
      if (modality === undefined) continue;
      const drawn = collection[modality];
      const place = drawn.count < SAMPLE_ITEMS ? drawn.count : Math.floor(Math.random() * (drawn.count + 1));
      if (place < SAMPLE_ITEMS) drawn.keys[place] = { key };
      drawn.count += 1;
    }
    if (page.length < PAGE_ITEMS) return collection;
    after = page.at(-1)!.key;
  }
}

/** Reads and decodes the next batch while one is embedded, as indexing does. */
async function measure({ encoder, prepare }: PlannedSpace, keys: readonly Pick<Item, 'key'>[], clock: Clock) {
  const prepareBatch = async (start: number, size = BATCH_ITEMS): Promise<Prepared[]> => {
    const batch = keys.slice(start, start + size);
    const prepared = await Promise.all(batch.map(({ key }) => prepare({ operation: 'put', key, sequencer: '0' })));
    return prepared.filter((one) => one !== 'gone' && one !== 'unchanged');
  };
  const warmUp = await prepareBatch(0, WARM_UP_ITEMS); // decoders and kernels are loaded at the first use
  if (warmUp.length > 0) await encodeBatch(encoder, warmUp, clock);
  const startedMs = performance.now();
  const elapsedSeconds = () => (performance.now() - startedMs) / 1000;
  let sampled = 0;
  let next = prepareBatch(0);
  for (let start = 0; start < keys.length && elapsedSeconds() < SAMPLE_SECONDS; start += BATCH_ITEMS) {
    const batch = await next;
    next = prepareBatch(start + BATCH_ITEMS);
    if (batch.length > 0) await encodeBatch(encoder, batch, clock);
    sampled += batch.length;
  }
  await next;
  return { sampled, seconds: elapsedSeconds() };
}

/** In any one currency. */
export interface CloudPrices {
  /** Of an instance that embeds. */
  readonly instanceHour: number;
  readonly thousandReads: number;
  readonly thousandWrites: number;
  readonly gigabyteMonth: number;
}

export interface CloudQuantities {
  readonly instanceHours: number;
  /** Objects read, and deltas written. */
  readonly reads: number;
  readonly writes: number;
  readonly gigabytes: number;
}

/** Changes in one delta, at most. */
const CHANGES_PER_DELTA = 512;

/** @param itemsPerSecond of the instance; this machine's when it is not known */
export function cloudQuantities(
  { items, seconds, sizeBytes }: Pick<BuildEstimate, 'items' | 'seconds' | 'sizeBytes'>,
  itemsPerSecond?: number,
): CloudQuantities {
  return {
    instanceHours: (itemsPerSecond === undefined ? seconds : items / itemsPerSecond) / 3600,
    reads: items,
    writes: Math.ceil(items / CHANGES_PER_DELTA),
    gigabytes: sizeBytes / 1e9,
  };
}

/** once = hours x instance hour + reads / 1000 x read + writes / 1000 x write; monthly = gigabytes x gigabyte-month. */
export function cloudCost(quantities: CloudQuantities, prices: CloudPrices) {
  const { instanceHours, reads, writes, gigabytes } = quantities;
  return {
    once:
      instanceHours * prices.instanceHour +
      (reads / 1000) * prices.thousandReads +
      (writes / 1000) * prices.thousandWrites,
    monthly: gigabytes * prices.gigabyteMonth,
  };
}
