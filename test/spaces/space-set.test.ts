/** Two real indexes as one set: pictures and words in the first, sounds in the second. */

import { describe, expect, it } from 'vitest';
import type { Change } from '#shared/catalog/item.ts';
import type { Modality } from '#shared/core/modality.ts';
import { findSetDuplicates } from '#shared/spaces/find-set-duplicates.ts';
import { measureSetRecall } from '#shared/spaces/measure-set-recall.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { createHarness } from '../vector-index/index-harness.ts';
import { put, randomVector, seededRandom } from '../vector-index/sample-changes.ts';

async function member(dimensions: number, modalities: readonly Modality[], changes: readonly Change[]) {
  const harness = await createHarness(dimensions);
  const index = await harness.open();
  await index.apply(changes);
  const encoder = {
    space: { ...harness.space, calibration: {} },
    modalities: new Set(modalities),
    queryTemplates: {},
  };
  const embedder = {
    texts: async (texts: readonly string[]) => texts.map(() => new Float32Array(dimensions)),
    image: async () => new Float32Array(dimensions),
    audio: async () => new Float32Array(dimensions),
  };
  return { index, encoder, embedder, modalities: encoder.modalities };
}

const axis = (d: number, dimensions: number) => Float32Array.from({ length: dimensions }, (_, i) => (i === d ? 1 : 0));

describe('a set of spaces', () => {
  it('shows an item as it lies in the space of its modality, in the version that the first space knows', async () => {
    const first = await member(4, ['image', 'text'], [put({ key: 's', modality: 'audio', etag: '2' }, {})]);
    const second = await member(3, ['audio'], [put({ key: 's', modality: 'audio', etag: '1' }, axis(0, 3))]);
    const set = createSpaceSet([first, second]);
    expect((await set.items.item('s'))?.parts).toEqual([{ range: null }]); // the second one is behind
    await second.index.apply([put({ key: 's', modality: 'audio', etag: '2', sequencer: '0002' }, axis(1, 3))]);
    expect((await set.items.item('s'))?.parts).toEqual([{ range: null, vector: axis(1, 3) }]);
    expect(await set.items.item('unknown')).toBeUndefined();
    expect(set.spaceOf('audio')).toBe(second);
    expect((await set.embedder.texts(['x']))[0]).toHaveLength(4);
    expect(await set.embedder.audio(new Uint8Array())).toHaveLength(3);
  });

  it('measures recall with queries of each space in proportion to its parts', async () => {
    const random = seededRandom(3);
    const puts = (prefix: string, modality: Modality, count: number, dimensions: number) =>
      Array.from({ length: count }, (_, i) =>
        put({ key: `${prefix}${i}`, modality }, randomVector(random, dimensions)),
      );
    const first = await member(8, ['image'], puts('p', 'image', 90, 8));
    const second = await member(5, ['audio'], puts('s', 'audio', 30, 5));
    const estimate = await measureSetRecall([first, second], { samples: 40, k: 5, random });
    expect(estimate).toMatchObject({ recall: 1, samples: 40, k: 5, plan: 'exact' });
  });

  it('pages through the groups of similar items of all spaces in the order of their keys', async () => {
    const pairs = (prefix: string, modality: Modality, dimensions: number) =>
      Array.from({ length: 3 }, (_, d) =>
        ['1', '2'].map((copy) => put({ key: `${d}-${prefix}${copy}`, modality }, axis(d, dimensions))),
      ).flat();
    const first = await member(4, ['image'], pairs('p', 'image', 4));
    const second = await member(3, ['audio'], pairs('s', 'audio', 3));
    const set = createSpaceSet([first, second]);
    for (const limit of [1, 2, 4, 10]) {
      const seen: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await findSetDuplicates(set, {
          kind: 'similar',
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        });
        expect(page.groups.length).toBeLessThanOrEqual(limit);
        seen.push(...page.groups.map(({ items }) => items[0]!.key));
        if (page.nextCursor === undefined) break;
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(['0-p1', '0-s1', '1-p1', '1-s1', '2-p1', '2-s1']);
    }
  });
});
