import { describe, expect, it } from 'vitest';
import { SPACES_KEY } from '#shared/core/state-keys.ts';
import {
  dropSpace,
  type RecordedSpace,
  readSpaceRecord,
  scopeOf,
  spaceDropped,
  switchToBuilt,
  updateSpaceRecord,
  wantSpaces,
} from '#shared/spaces/space-record.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const space = (id: string, ...modalities: RecordedSpace['modalities']): RecordedSpace => ({
  id,
  dimensions: 4,
  model: `model-${id}`,
  modalities: modalities.length > 0 ? modalities : ['image', 'audio', 'text'],
});
const options = { startedAt: '2026-01-01T00:00:00.000Z', former: 'keep' } as const;
const ids = (spaces: readonly { readonly id: string }[]) => spaces.map(({ id }) => id);
const [a, b, c] = [space('a'), space('b'), space('c')];

describe('the record of the spaces', () => {
  it('begins with what is wanted, and stays as it is when that is wanted again', () => {
    const record = wantSpaces(undefined, [a], options);
    expect(record).toMatchObject({ live: [a], kept: [], dropping: [] });
    expect(wantSpaces(record, [a], options)).toEqual(record);
    const moved = { ...a, model: '/elsewhere' };
    expect(wantSpaces(record, [moved], options).live).toEqual([moved]);
  });

  it('builds another space beside the live one, switches as a whole, and keeps or drops the former', () => {
    const built = wantSpaces(wantSpaces(undefined, [a], options), [b], options);
    expect([ids(built.live), ids(built.building!.spaces)]).toEqual([['a'], ['b']]);
    const kept = switchToBuilt(built);
    expect([ids(kept.live), ids(kept.kept), kept.building]).toEqual([['b'], ['a'], undefined]);
    expect(switchToBuilt(kept)).toBe(kept);
    const dropped = switchToBuilt(wantSpaces(kept, [c], { ...options, former: 'drop' }));
    expect([ids(dropped.live), ids(dropped.kept), dropped.dropping]).toEqual([['c'], ['a'], ['b']]);
    expect(spaceDropped(dropped, 'b').dropping).toEqual([]);
  });

  it('keeps what was built when something else is wanted, and goes on with it when it is wanted again', () => {
    const started = wantSpaces(wantSpaces(undefined, [a], options), [b], options);
    const other = wantSpaces(started, [c], options);
    expect([ids(other.building!.spaces), ids(other.kept)]).toEqual([['c'], ['b']]);
    const back = wantSpaces(other, [a], options);
    expect([back.building, ids(back.kept)]).toEqual([undefined, ['b', 'c']]);
    const again = wantSpaces(back, [b], options);
    expect([ids(again.building!.spaces), ids(again.kept)]).toEqual([['b'], ['c']]);
    const later = { ...options, startedAt: '2026-02-02T00:00:00.000Z' };
    expect(wantSpaces(again, [b], later).building!.startedAt).toBe(options.startedAt);
  });

  it('drops a kept space or one that is being built, never a live one', () => {
    const building = wantSpaces(wantSpaces(undefined, [a], options), [a, space('b', 'audio')], options);
    expect(() => dropSpace(building, 'a')).toThrow(/answers searches/);
    const ended = dropSpace(building, 'b');
    expect([ended.building, ended.dropping, ids(ended.kept)]).toEqual([undefined, ['b'], []]);
    expect(() => dropSpace(building, 'c')).toThrow(/no space/);
  });

  it('gives the first space of any set every item, and the others those of their modalities', () => {
    const live = wantSpaces(undefined, [a], options);
    const building = wantSpaces(live, [space('b', 'image'), space('a', 'audio'), space('c', 'text')], options);
    expect(scopeOf(building, 'a')).toBeUndefined();
    expect(scopeOf(building, 'b')).toBeUndefined();
    expect(scopeOf(building, 'c')).toEqual(new Set(['text']));
    expect(scopeOf(switchToBuilt(building), 'a')).toEqual(new Set(['audio']));
  });

  it('is changed by compare-and-swap: of changes at the same time none is lost', async () => {
    const store = createMemoryObjectStore();
    await updateSpaceRecord(store, () => wantSpaces(undefined, [a], options));
    const names = ['p', 'q', 'r', 's'];
    await Promise.all(
      names.map((name) => updateSpaceRecord(store, (now) => ({ ...now!, dropping: [...now!.dropping, name] }))),
    );
    expect([...(await readSpaceRecord(store))!.dropping].sort()).toEqual(names);
  });

  it('is absent before anything was indexed, and refused when it is damaged', async () => {
    const store = createMemoryObjectStore();
    expect(await readSpaceRecord(store)).toBeUndefined();
    await store.put(SPACES_KEY, Buffer.from('{"format":2}'));
    await expect(readSpaceRecord(store)).rejects.toMatchObject({ code: 'state_corrupt' });
  });
});
