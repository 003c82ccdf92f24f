import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { createFaultyObjectStore, PlannedFault } from './faulty-object-store.ts';
import { bytes, collect, describeObjectStore, text } from './object-store-contract.ts';

describeObjectStore('FaultyObjectStore that never fails', {
  create: () => createFaultyObjectStore(createMemoryObjectStore(), { failAt: 0, mode: 'before' }),
});

describe('FaultyObjectStore', () => {
  it('numbers its operations and fails at the planned one only', async () => {
    const store = createFaultyObjectStore(createMemoryObjectStore(), { failAt: 2, mode: 'before' });
    await store.put('a', bytes('1'));
    await expect(store.put('b', bytes('2'))).rejects.toBeInstanceOf(PlannedFault);
    await store.put('c', bytes('3'));
    expect(store.operationCount).toBe(3);
    expect(store.operations[1]).toEqual({ name: 'put', key: 'b' });
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['a', 'c']);
  });

  it('fails after the effect', async () => {
    const inner = createMemoryObjectStore();
    const store = createFaultyObjectStore(inner, { failAt: 1, mode: 'after' });
    await expect(store.put('a', bytes('1'))).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    expect(text(await inner.get('a'))).toBe('1');
    expect(store.failed).toBe(true);
  });

  it('breaks off streams and listings in the middle, and puts without a trace', async () => {
    const inner = createMemoryObjectStore();
    for (const key of ['a', 'b', 'c', 'd']) await inner.put(key, bytes('0123456789'));
    const torn = () => createFaultyObjectStore(inner, { failAt: 1, mode: 'torn' });
    const keys: string[] = [];
    const reading = (async () => {
      for await (const info of torn().list()) keys.push(info.key);
    })();
    await expect(reading).rejects.toBeInstanceOf(PlannedFault);
    expect(keys).toEqual(['a', 'b']);
    await expect(buffer((await torn().stream('a'))!.body)).rejects.toBeInstanceOf(PlannedFault);
    await expect(torn().put('a', Readable.from([bytes('new')]))).rejects.toBeInstanceOf(PlannedFault);
    expect(text(await inner.get('a'))).toBe('0123456789');
  });

  it('does nothing more once it is dead', async () => {
    const inner = createMemoryObjectStore();
    const store = createFaultyObjectStore(inner, { failAt: 1, mode: 'after', thenDead: true });
    await expect(store.put('a', bytes('1'))).rejects.toBeInstanceOf(PlannedFault);
    await expect(store.put('b', bytes('2'))).rejects.toBeInstanceOf(PlannedFault);
    await expect(store.delete('a')).rejects.toBeInstanceOf(PlannedFault);
    expect((await collect(inner.list())).map((info) => info.key)).toEqual(['a']);
  });
});
