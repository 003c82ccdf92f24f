import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDuplicates } from '#shared/vector-index/find-duplicates.ts';
import { hashDistance, nearHashes } from '#shared/vector-index/near-hashes.ts';
import { createHarness } from './index-harness.ts';
import { put } from './sample-changes.ts';

const x = Float32Array.of(1, 0, 0, 0);
const nearX = Float32Array.of(0.98, Math.sqrt(1 - 0.98 ** 2), 0, 0);
const y = Float32Array.of(0, 1, 0, 0);
const z = Float32Array.of(0, 0, 1, 0);

async function indexOf(...changes: ReturnType<typeof put>[]) {
  const harness = await createHarness(4);
  const index = await harness.open();
  const half = changes.length >> 1;
  await index.apply(changes.slice(0, half));
  await harness.compact();
  await index.refresh();
  await index.apply(changes.slice(half)); // some folded, some fresh
  return index;
}

describe('findDuplicates', () => {
  it('groups equal bytes', async () => {
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
    const index = await indexOf(
      put({ key: 'c', digest: one }, x),
      put({ key: 'b', digest: two }, y),
      put({ key: 'a', digest: one }, x),
      put({ key: 'd' }, x),
    );
    expect(await findDuplicates(index, { kind: 'exact', limit: 10 })).toEqual({
      groups: [
        {
          kind: 'exact',
          items: [
            { key: 'a', similarity: 1 },
            { key: 'c', similarity: 1 },
          ],
        },
      ],
    });
  });

  it('groups re-encoded pictures: near hashes and near vectors, not the same bytes', async () => {
    const index = await indexOf(
      put({ key: 'a', perceptualHash: '00000000000000ff', digest: '1' }, x),
      put({ key: 'b', perceptualHash: '00000000000001ff', digest: '2' }, nearX),
      put({ key: 'copy-of-a', perceptualHash: '00000000000000ff', digest: '1' }, x),
      put({ key: 'looks-alike-by-hash-only', perceptualHash: '00000000000000fe', digest: '3' }, z),
      put({ key: 'other', perceptualHash: 'ffffffffffffffff', digest: '4' }, x),
    );
    expect(await findDuplicates(index, { kind: 'reencoded', limit: 10 })).toEqual({
      groups: [
        {
          kind: 'reencoded',
          items: [
            { key: 'a', similarity: 1 },
            { key: 'b', similarity: 1 - 1 / 64 },
          ],
        },
      ],
    });
  });

  it('groups similar items around the first key, each group once', async () => {
    const index = await indexOf(
      put({ key: 'b' }, nearX),
      put({ key: 'a' }, x),
      put({ key: 'c' }, y),
      put({ key: 'd' }, z),
    );
    const { groups, nextCursor } = await findDuplicates(index, { kind: 'similar', limit: 10 });
    expect(groups.map(({ items }) => items.map(({ key }) => key))).toEqual([['a', 'b']]);
    expect(groups[0]!.items[1]!.similarity).toBeCloseTo(0.98, 6);
    expect(nextCursor).toBeUndefined();
    expect((await findDuplicates(index, { kind: 'similar', limit: 10, minSimilarity: 0.99 })).groups).toEqual([]);
  });

  it.each(['exact', 'similar'] as const)('pages through %s groups without repeating or losing one', async (kind) => {
    const vectors = [x, y, z, Float32Array.of(0, 0, 0, 1)];
    const index = await indexOf(
      ...vectors.flatMap((vector, i) => [
        put({ key: `a${i}`, digest: `${i}` }, vector),
        put({ key: `b${i}`, digest: `${i}` }, vector),
      ]),
    );
    const seen: string[][] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await findDuplicates(index, { kind, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.groups.length).toBeLessThanOrEqual(1);
      seen.push(...page.groups.map(({ items }) => items.map(({ key }) => key)));
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual([0, 1, 2, 3].map((i) => [`a${i}`, `b${i}`]));
  });
});

describe('nearHashes', () => {
  it('finds exactly the pairs within the distance', () => {
    const hash = fc
      .tuple(
        fc.constantFrom<bigint[]>(0n, 0xffff00000000ffffn, 0x123456789abcdef0n),
        fc.array(fc.nat(63), { maxLength: 7 }),
      )
      .map(([base, flips]) => flips.reduce((bits, bit) => bits ^ (1n << BigInt(bit)), base))
      .map((bits) => bits.toString(16).padStart(16, '0'));
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 12 }), fc.integer({ min: 0, max: 8 }), (hashes, distance) => {
        const near = nearHashes(hashes, distance);
        hashes.forEach((a, i) => {
          const expected = hashes.flatMap((b, j) => (i !== j && slowDistance(a, b) <= distance ? [j] : []));
          expect((near.get(i) ?? []).sort((one, two) => one - two)).toEqual(expected);
          for (const b of hashes) expect(hashDistance(a, b)).toBe(slowDistance(a, b));
        });
      }),
      { numRuns: 300 },
    );
  });
});

function slowDistance(a: string, b: string): number {
  const bits = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  return bits.toString(2).replaceAll('0', '').length;
}
