/** The write path with real parts: a store, a queue, a real ONNX model, the real index. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock, systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { silentLog } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { createInbox } from '#shared/ingest/inbox.ts';
import { type IngestOptions, ingest } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import type { Queue } from '#shared/queue/queue.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';

let folder: string;
let encoder: Encoder;

const picture = (colour: string) =>
  sharp({ create: { width: 32, height: 32, channels: 3, background: colour } })
    .png()
    .toBuffer();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-ingest-'));
  encoder = await loadEncoder(await makeModelFolder(join(folder, 'model')), { openSession: createOnnxSession });
});

afterAll(async () => {
  await encoder.close();
  await rm(folder, { recursive: true, force: true });
});

/** The encoder, and how many pictures it has been given. */
function countImages() {
  let count = 0;
  const counting: Encoder = {
    ...encoder,
    embedImages: (images) => {
      count += images.length;
      return encoder.embedImages(images);
    },
  };
  return { counting, imagesEncoded: () => count };
}

interface Options extends IngestOptions {
  readonly mediaStore?: (inner: ObjectStore) => ObjectStore;
  readonly index?: (inner: VectorIndex) => VectorIndex;
  readonly encoder?: Encoder;
  readonly queue?: (inner: Queue<ChangeMessage>) => Queue<ChangeMessage>;
}

/** The whole path, at work until the test ends. */
async function startIngest(options: Options = {}) {
  const memory = createMemoryObjectStore();
  const mediaStore = options.mediaStore?.(memory) ?? memory;
  const stateStore = createMemoryObjectStore();
  const scratchFolder = await mkdtemp(join(folder, 'scratch-'));
  const opened = await openIndex({
    store: stateStore,
    space: encoder.space,
    clock: systemClock,
    log: silentLog,
    scratchFolder,
  });
  const index = options.index?.(opened) ?? opened;
  const memoryQueue = createMemoryQueue<ChangeMessage>({ visibilityMs: 60_000, maxAttempts: options.maxAttempts ?? 5 });
  const queue = options.queue?.(memoryQueue) ?? memoryQueue;
  const inbox = createInbox({ queue, index, clock: systemClock, nextSequencer: createUlidGenerator(systemClock) });
  const stopping = new AbortController();
  const settled: string[] = [];
  const used = options.encoder ?? encoder;
  const working = ingest(
    {
      queue,
      index,
      encoder: used,
      prepare: createPrepare({ mediaStore, index, encoder: used, limits: DEFAULT_MEDIA_LIMITS }),
      clock: systemClock,
      log: silentLog,
      onSettled: (message, outcome) => {
        settled.push(`${message.key} ${outcome}`);
        inbox.settled(message.key, message.sequencer, outcome);
      },
    },
    { storeAfterMs: 20, ...options },
    stopping.signal,
  );
  const stop = async () => {
    stopping.abort();
    await working;
  };
  onTestFinished(async () => {
    await stop();
    await opened.close();
  });
  return { mediaStore: memory, index, inbox, queue, settled, stop };
}

const unavailable = () => new ChiasmError('storage_unavailable', 'the store does not answer', { retryable: true });

describe('ingest', () => {
  it('makes pictures searchable by what they show', async () => {
    const { mediaStore, inbox, index } = await startIngest();
    for (const colour of ['red', 'green', 'blue']) await mediaStore.put(`${colour}.png`, await picture(colour));
    await inbox.changed(['red.png', 'green.png', 'blue.png']);
    await inbox.idle();
    const vector = await encoder.embedTexts(['green']);
    const { hits } = await index.searchVectors({ vector, limit: 3 });
    expect(hits[0]!.item).toMatchObject({
      key: 'green.png',
      status: 'indexed',
      modality: 'image',
      width: 32,
      averageColour: '#008000',
    });
  });

  it('turns what it cannot read into failed items, and goes on', async () => {
    const { mediaStore, inbox, index, settled } = await startIngest();
    const png = await picture('red');
    await mediaStore.put('good.png', png);
    await mediaStore.put('truncated.png', png.subarray(0, 60));
    await mediaStore.put('empty.txt', new Uint8Array());
    await mediaStore.put('attributes.png', png, { metadata: { 'chiasm-attributes': '[1]' } });
    await inbox.changed(['truncated.png', 'empty.txt', 'attributes.png', 'good.png']);
    await inbox.idle();
    for (const key of ['truncated.png', 'empty.txt', 'attributes.png']) {
      const found = await index.item(key);
      expect(found?.item, key).toMatchObject({ status: 'failed', failure: { message: expect.stringMatching(/\w/) } });
      expect(found?.parts).toEqual([]);
    }
    expect((await index.item('good.png'))?.item.status).toBe('indexed');
    expect(settled.sort()).toEqual([
      'attributes.png failed',
      'empty.txt failed',
      'good.png done',
      'truncated.png failed',
    ]);
  });

  it('does nothing for a message that comes again, nor for an object that has not changed', async () => {
    let reads = 0;
    const { mediaStore, inbox, index, queue } = await startIngest({
      mediaStore: (inner) => ({
        ...inner,
        get: (key, options) => {
          reads += 1;
          return inner.get(key, options);
        },
      }),
    });
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    const { item } = (await index.item('a.png'))!;
    await queue.send([{ operation: 'put', key: 'a.png', sequencer: item.sequencer }]);
    await inbox.changed(['a.png']);
    await inbox.idle();
    await expect.poll(async () => (await queue.depth()).waiting + (await queue.depth()).inFlight).toBe(0);
    expect(reads).toBe(1);
    expect((await index.item('a.png'))!.item.indexedAt).toBe(item.indexedAt);
  });

  it('takes in new attributes of an object whose bytes are the same', async () => {
    const { mediaStore, inbox, index } = await startIngest();
    const png = await picture('red');
    await mediaStore.put('a.png', png, { metadata: { 'chiasm-attributes': '{"album":"old"}' } });
    await inbox.changed(['a.png']);
    await inbox.idle();
    await mediaStore.put('a.png', png, { metadata: { 'chiasm-attributes': '{"album":"new"}' } });
    await inbox.changed(['a.png']);
    await inbox.idle();
    expect((await index.item('a.png'))!.item.attributes).toEqual({ album: 'new' });
  });

  it('does not encode the same bytes again', async () => {
    const { counting, imagesEncoded } = countImages();
    const { mediaStore, inbox, index } = await startIngest({ encoder: counting });
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    const before = (await index.item('a.png'))!;
    await mediaStore.put('a.png', await picture('red'), { metadata: { 'chiasm-attributes': '{"year":2026}' } });
    await inbox.changed(['a.png']);
    await inbox.idle();
    const after = (await index.item('a.png'))!;
    expect(imagesEncoded()).toBe(1);
    expect(after.parts).toEqual(before.parts);
    expect(after.item).toMatchObject({
      attributes: { year: 2026 },
      width: 32,
      contentType: 'image/png',
      digest: before.item.digest,
    });
  });

  it('takes the vectors of the same bytes under another name, renamed files included', async () => {
    const { counting, imagesEncoded } = countImages();
    const { mediaStore, inbox, index } = await startIngest({ encoder: counting });
    await mediaStore.put('a.png', await picture('red'), { metadata: { 'chiasm-attributes': '{"album":"old"}' } });
    await inbox.changed(['a.png']);
    await inbox.idle();
    const before = (await index.item('a.png'))!;
    await mediaStore.put('b.png', await picture('red'));
    await inbox.changed(['b.png']);
    await inbox.idle();
    await mediaStore.delete('a.png');
    await inbox.changed(['a.png']);
    await inbox.idle();
    expect(imagesEncoded()).toBe(1);
    expect(await index.item('a.png')).toBeUndefined();
    const after = (await index.item('b.png'))!;
    expect(after.parts).toEqual(before.parts);
    expect(after.item).toMatchObject({ key: 'b.png', status: 'indexed', width: 32, attributes: {} });
  });

  it('forgets an object that is gone', async () => {
    const { mediaStore, inbox, index } = await startIngest();
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    await mediaStore.delete('a.png');
    await inbox.changed(['a.png', 'never.png']);
    await inbox.idle();
    expect(await index.item('a.png')).toBeUndefined();
    expect(inbox.pending('a.png')).toBe(false);
  });

  it('tries again when the store does not answer', async () => {
    let failures = 2;
    const { mediaStore, inbox, index } = await startIngest({
      mediaStore: (inner) => ({
        ...inner,
        get: (key, options) => {
          if (failures-- > 0) throw unavailable();
          return inner.get(key, options);
        },
      }),
    });
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    expect((await index.item('a.png'))?.item.status).toBe('indexed');
  });

  it('gives up after the last attempt: the item says why, the message is dead', async () => {
    const { mediaStore, inbox, index, queue } = await startIngest({
      maxAttempts: 1,
      mediaStore: (inner) => ({ ...inner, get: () => Promise.reject(unavailable()) }),
    });
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    expect((await index.item('a.png'))?.item).toMatchObject({
      status: 'failed',
      failure: { message: 'the store does not answer' },
    });
    expect((await queue.depth()).dead).toBe(1);
    expect(inbox.backlog()).toMatchObject({ pending: 0, dead: 1, failed: 1 });
  });

  it('acknowledges only what is stored: a full disk loses nothing', async () => {
    let full = true;
    const { mediaStore, inbox, index } = await startIngest({
      index: (inner) =>
        new Proxy(inner, {
          get: (target, name) => {
            if (name === 'apply' && full) {
              full = false;
              return () => Promise.reject(unavailable());
            }
            const value = Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    for (let i = 0; i < 10; i++) await mediaStore.put(`${i}.png`, await picture('red'));
    await inbox.changed(Array.from({ length: 10 }, (_, i) => `${i}.png`));
    await inbox.idle();
    expect(index.statistics().items).toBe(10);
  });

  it('does not let one picture that the model cannot take stop the others', async () => {
    const poisoned: Encoder = {
      ...encoder,
      embedImages: async (images) => {
        if (images.some(({ data }) => data[0] === 0 && data[2] === 255))
          throw new ChiasmError('unsupported_modality', 'no blue, please');
        return encoder.embedImages(images);
      },
    };
    const { mediaStore, inbox, index } = await startIngest({ encoder: poisoned });
    for (const colour of ['red', 'blue', 'lime']) await mediaStore.put(`${colour}.png`, await picture(colour));
    await inbox.changed(['red.png', 'blue.png', 'lime.png']);
    await inbox.idle();
    expect((await index.item('blue.png'))?.item).toMatchObject({
      status: 'failed',
      failure: { message: 'no blue, please' },
    });
    for (const key of ['red.png', 'lime.png']) expect((await index.item(key))?.item.status).toBe('indexed');
  });

  it('leaves what is not encoded in the queue when it is stopped', async () => {
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const slow: Encoder = {
      ...encoder,
      embedImages: async (images) => {
        entered.resolve();
        await gate.promise;
        return encoder.embedImages(images);
      },
    };
    const { mediaStore, inbox, index, queue, stop } = await startIngest({ encoder: slow, batchInputs: 2 });
    for (let i = 0; i < 6; i++) await mediaStore.put(`${i}.png`, await picture('red'));
    await inbox.changed(Array.from({ length: 6 }, (_, i) => `${i}.png`));
    await entered.promise;
    const stopped = stop();
    gate.resolve();
    await stopped;
    const { items } = index.statistics();
    const { waiting, inFlight } = await queue.depth();
    expect(items).toBe(2); // the batch that was in the model
    expect(items + waiting + inFlight).toBe(6);
  });

  it('orders changes of a key also when the clock has stepped back', async () => {
    const { index } = await startIngest();
    const queue = createMemoryQueue<ChangeMessage>({ visibilityMs: 1_000, maxAttempts: 1 });
    const clock = createManualClock(Date.UTC(2020, 0, 1));
    const past = createInbox({ queue, index, clock, nextSequencer: createUlidGenerator(clock) });
    await index.apply([{ operation: 'delete', key: 'a.png', sequencer: createUlidGenerator(systemClock)() }]);
    await past.changed(['a.png']);
    const [delivery] = await queue.receive({ limit: 1, waitMs: 0 });
    expect(delivery!.message.sequencer! > (await index.latest('a.png'))!.sequencer).toBe(true);
  });

  it('looks at what was only listed, whatever it knows, and lets every later event win', async () => {
    const { mediaStore, inbox, queue, index, settled } = await startIngest();
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    const first = (await index.latest('a.png'))!.sequencer;
    await mediaStore.put('a.png', await picture('blue'));
    await mediaStore.put('new.png', await picture('green'));
    await queue.send(['a.png', 'new.png', 'gone.png'].map((key) => ({ operation: 'put', key })));
    while (settled.length < 4) await sleep(10);
    expect((await index.item('a.png'))!.item.etag).toBe((await mediaStore.head('a.png'))!.etag);
    expect((await index.latest('a.png'))!.sequencer > first).toBe(true);
    expect(await index.item('new.png')).toBeDefined();
    expect((await index.latest('new.png'))!.sequencer < createUlidGenerator(systemClock)()).toBe(true);
    expect(await index.item('gone.png')).toBeUndefined();
  });

  it('goes on when the queue does not answer, or cannot be told', async () => {
    let failures = 0;
    const failing = <Result>(work: () => Promise<Result>) => {
      failures += 1;
      return failures % 2 === 1 ? Promise.reject(unavailable()) : work();
    };
    const { mediaStore, inbox } = await startIngest({
      queue: (inner) => ({
        ...inner,
        receive: (options) =>
          failing(async () => {
            const deliveries = await inner.receive(options);
            return deliveries.map((one) => ({ ...one, acknowledge: () => failing(one.acknowledge) }));
          }),
      }),
    });
    await mediaStore.put('a.png', await picture('red'));
    await inbox.changed(['a.png']);
    await inbox.idle();
    expect(inbox.backlog()).toMatchObject({ done: 1, failed: 0 });
  });

  it('ends with the reason when waiting for the queue does not help', async () => {
    const queue = { receive: () => Promise.reject(new ChiasmError('storage_unavailable', 'access was denied')) };
    const { index } = await startIngest();
    const prepare = createPrepare({
      mediaStore: createMemoryObjectStore(),
      index,
      encoder,
      limits: DEFAULT_MEDIA_LIMITS,
    });
    const deps = { queue, index, encoder, prepare, clock: systemClock, log: silentLog };
    await expect(ingest(deps, {}, new AbortController().signal)).rejects.toThrow(/access was denied/);
  });
});
