import { describe, expect, it } from 'vitest';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createOverlayObjectStore } from '#shared/store/overlay-object-store.ts';
import { bytes, collect, describeObjectStore, text, written } from './object-store-contract.ts';

describeObjectStore('OverlayObjectStore', {
  create: () => createOverlayObjectStore(createMemoryObjectStore(), [lower('empty', createMemoryObjectStore())]),
  propertyRuns: 50,
});

describe('OverlayObjectStore over two lower stores', () => {
  it('reads the upper object first, then the lower ones in order', async () => {
    const { overlay, upper, first, second } = await layers();
    expect(text(await overlay.get('both'))).toBe('first');
    expect(text(await overlay.get('only-second'))).toBe('second');
    await overlay.put('both', bytes('upper'));
    expect(text(await overlay.get('both'))).toBe('upper');
    expect(text(await upper.get('both'))).toBe('upper');
    expect(text(await first.get('both'))).toBe('first');
    expect(text(await second.get('both'))).toBe('second');
  });

  it('lists every key once, with the etag that reading it gives', async () => {
    const { overlay } = await layers();
    await overlay.put('both', bytes('upper'));
    await overlay.put('zebra', bytes('upper'));
    const listed = await collect(overlay.list());
    expect(listed.map((info) => info.key)).toEqual(['both', 'only-first', 'only-second', 'zebra']);
    for (const info of listed) expect((await overlay.head(info.key))!.etag).toBe(info.etag);
    expect((await collect(overlay.list({ prefix: 'only', startAfter: 'only-first' }))).map((info) => info.key)).toEqual(
      ['only-second'],
    );
  });

  it('hides a deleted object in every way of reading and leaves the lower stores alone', async () => {
    const { overlay, first, second } = await layers();
    await overlay.put('both', bytes('upper'));
    await overlay.delete('both');
    expect(await overlay.get('both')).toBeUndefined();
    expect(await overlay.stream('both')).toBeUndefined();
    expect(await overlay.head('both')).toBeUndefined();
    expect(await overlay.localPath('both', '/nonexistent')).toBeUndefined();
    expect((await collect(overlay.list())).map((info) => info.key)).toEqual(['only-first', 'only-second']);
    expect(text(await first.get('both'))).toBe('first');
    expect(text(await second.get('both'))).toBe('second');
  });

  it('shows an object again when its file changes after the delete', async () => {
    const { overlay, first } = await layers();
    await overlay.delete('both');
    await first.put('both', bytes('changed'));
    expect(text(await overlay.get('both'))).toBe('changed');
    expect((await collect(overlay.list())).map((info) => info.key)).toContain('both');
    await overlay.delete('both');
    expect(await overlay.get('both')).toBeUndefined();
  });

  it('keeps one whiteout for each lower version, and none when the lower objects are gone', async () => {
    const { overlay, upper, first, second } = await layers();
    for (let i = 0; i < 5; i++) {
      await first.put('both', bytes(`again ${i}`));
      await overlay.delete('both');
    }
    expect(await collect(upper.list())).toHaveLength(2);
    await first.delete('both');
    await second.delete('both');
    await overlay.delete('both');
    expect(await collect(upper.list())).toHaveLength(0);
  });

  it('shows what is put after a delete, and nothing after the next delete', async () => {
    const { overlay } = await layers();
    await overlay.delete('both');
    expect((await overlay.put('both', bytes('new'), { ifAbsent: true })).written).toBe(true);
    expect(text(await overlay.get('both'))).toBe('new');
    await overlay.delete('both');
    expect(await overlay.get('both')).toBeUndefined();
  });

  it('holds conditions against what is visible', async () => {
    const { overlay, first } = await layers();
    expect(await overlay.put('both', bytes('x'), { ifAbsent: true })).toEqual({ written: false });
    expect(await overlay.put('both', bytes('x'), { ifMatch: 'other' })).toEqual({ written: false });
    const lowerEtag = (await overlay.head('both'))!.etag;
    const { etag } = written(await overlay.put('both', bytes('upper'), { ifMatch: lowerEtag }));
    expect(await overlay.put('both', bytes('x'), { ifMatch: lowerEtag })).toEqual({ written: false });
    expect(await overlay.put('both', bytes('y'), { ifMatch: etag })).toMatchObject({ written: true });
    expect(text(await first.get('both'))).toBe('first');
  });

  it('gives the same whiteouts a meaning after a restart', async () => {
    const { overlay, upper, lowers } = await layers();
    await overlay.delete('both');
    expect(await createOverlayObjectStore(upper, lowers).get('both')).toBeUndefined();
  });

  it('refuses keys in the place of its whiteouts', async () => {
    const { overlay } = await layers();
    await overlay.delete('both');
    await expect(overlay.put('.chiasm-whiteouts/x', bytes('x'))).rejects.toMatchObject({ code: 'invalid_key' });
    await expect(overlay.get('.chiasm-whiteouts/x')).rejects.toMatchObject({ code: 'invalid_key' });
    expect(await collect(overlay.list({ prefix: '.chiasm' }))).toEqual([]);
  });
});

function lower(name: string, store: ObjectStore) {
  return { name, store };
}

async function layers() {
  const [upper, first, second] = [createMemoryObjectStore(), createMemoryObjectStore(), createMemoryObjectStore()];
  await first.put('both', bytes('first'));
  await first.put('only-first', bytes('first'));
  await second.put('only-second', bytes('second'));
  await second.put('both', bytes('second'));
  const lowers = [lower('first', first), lower('second', second)];
  return { overlay: createOverlayObjectStore(upper, lowers), upper, first, second, lowers };
}
