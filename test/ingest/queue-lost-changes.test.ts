import { describe, expect, it } from 'vitest';
import type { Item } from '#shared/catalog/item.ts';
import { queueLostChanges } from '#shared/ingest/queue-lost-changes.ts';

const never = new AbortController().signal;

function bench(objects: readonly string[], items: readonly string[], whileListing = () => {}) {
  const sent: unknown[] = [];
  const etag = 'same';
  return {
    sent,
    mediaStore: {
      async *list() {
        for (const key of objects) {
          whileListing();
          yield { key, etag, sizeBytes: 1, modifiedAtMs: 0 };
        }
      },
    },
    index: {
      async *etags() {
        for (const key of items) yield { key, etag };
      },
      items: async () =>
        items.map((key) => ({ key, transcribedBy: key.startsWith('heard') ? 'whisper' : undefined }) as Item),
    },
    queue: { send: async (messages: readonly unknown[]) => void sent.push(...messages) },
  };
}

describe('changes that events have lost', () => {
  it('are queued to be looked at, whatever they are, without a place among the changes of their keys', async () => {
    const deps = bench(['a', 'b'], ['b', 'c']);
    expect(await queueLostChanges(deps, { atMost: 10, signal: never })).toEqual({ found: { put: 1, delete: 1 } });
    expect(deps.sent).toEqual([
      { operation: 'put', key: 'a' },
      { operation: 'put', key: 'c' },
    ]);
  });

  it('include sounds that the speech model has not heard, where there is one', async () => {
    const sounds = ['heard.wav', 'new.wav'];
    const deps = bench(sounds, sounds);
    expect(await queueLostChanges(deps, { atMost: 10, signal: never })).toEqual({ found: { put: 0, delete: 0 } });
    const listening = { ...deps, transcribedBy: 'whisper' };
    expect(await queueLostChanges(listening, { atMost: 10, signal: never })).toEqual({ found: { put: 1, delete: 0 } });
    expect(deps.sent).toEqual([{ operation: 'put', key: 'new.wav' }]);
  });

  it('are not queued beyond the limit', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => String(i).padStart(2, '0'));
    const deps = bench(keys, []);
    expect(await queueLostChanges(deps, { atMost: 20, signal: never })).toEqual({
      found: { put: 20, delete: 0 },
      ended: 'limit',
    });
    expect(deps.sent).toHaveLength(20);
  });

  it('at the end of the time, what was not listed yet does not look deleted', async () => {
    const stop = new AbortController();
    let listed = 0;
    const deps = bench(['a', 'b', 'c'], ['b', 'c', 'd'], () => ++listed === 2 && stop.abort());
    expect(await queueLostChanges(deps, { atMost: 10, signal: stop.signal })).toMatchObject({ ended: 'time' });
    expect(deps.sent).toEqual([{ operation: 'put', key: 'a' }]);
  });
});
