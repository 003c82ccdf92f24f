import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import { reconcile } from '#shared/ingest/reconcile.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

type Etags = Readonly<Record<string, string>>;

const byUtf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The differences between a store with one object a key and an index that knows some etags. */
async function differences(stored: readonly string[], known: (actual: Etags) => Etags) {
  const store = createMemoryObjectStore();
  for (const key of stored) await store.put(key, Buffer.from(key));
  const actual: Record<string, string> = {};
  for await (const { key, etag } of store.list()) actual[key] = etag;
  const indexed = known(actual);
  const index = {
    async *etags() {
      for (const key of Object.keys(indexed).sort(byUtf8)) yield { key, etag: indexed[key]! };
    },
  };
  const found: { operation: string; key: string }[] = [];
  for await (const difference of reconcile(store, index)) found.push(difference);
  return found;
}

describe('reconcile', () => {
  it('names what is new, what changed and what is gone', async () => {
    const found = await differences(['new', 'changed', 'same'], ({ same }) => ({
      same: same!,
      changed: 'old',
      gone: 'x',
    }));
    expect(found).toEqual([
      { operation: 'put', key: 'changed' },
      { operation: 'delete', key: 'gone' },
      { operation: 'put', key: 'new' },
    ]);
  });

  it('agrees with a comparison of two sets for any keys', async () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
      .filter((text) => objectKeyProblem(text) === undefined && !text.includes('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key),
        fc.uniqueArray(key),
        fc.uniqueArray(key),
        async (stored, indexed, stale) => {
          const found = await differences(stored, (actual) =>
            Object.fromEntries(indexed.map((k) => [k, stale.includes(k) ? 'stale' : (actual[k] ?? 'gone')])),
          );
          const expected = [...new Set([...stored, ...indexed])].sort(byUtf8).flatMap((k) => {
            if (!stored.includes(k)) return [{ operation: 'delete', key: k }];
            return indexed.includes(k) && !stale.includes(k) ? [] : [{ operation: 'put', key: k }];
          });
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});
