/** Vectors of examples: what the index has is not embedded again, what it has not is embedded once. */

import { beforeEach, describe, expect, it } from 'vitest';
import { ChiasmError } from '#shared/core/errors.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import { createProblems } from '#shared/datasets/problems.ts';
import { type ReadFeaturesDependencies, readFeatures } from '#shared/datasets/read-features.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const D = 2;
const unit = (angle: number) => Float32Array.of(Math.cos(angle), Math.sin(angle));

let embedded: string[];
let stateStore: ReturnType<typeof createMemoryObjectStore>;
let mediaStore: ReturnType<typeof createMemoryObjectStore>;
let deps: ReadFeaturesDependencies;

beforeEach(async () => {
  embedded = [];
  stateStore = createMemoryObjectStore();
  mediaStore = createMemoryObjectStore();
  await mediaStore.put('new.png', Buffer.from('new'));
  await mediaStore.put('broken.png', Buffer.from('broken'));
  const image = async (bytes: Uint8Array) => {
    const content = Buffer.from(bytes).toString();
    if (content === 'broken') throw new ChiasmError('corrupt_input', 'it is no picture');
    embedded.push(content);
    return unit(1);
  };
  const item = { key: 'known.png', status: 'indexed', modality: 'image' } as never;
  deps = {
    spaces: {
      spaceOf: (modality) => (modality === 'audio' ? undefined : { encoder: { space: { id: 'tiny', dimensions: D } } }),
      items: {
        item: async (key) => (key === 'known.png' ? { item, parts: [{ range: null, vector: unit(2) }] } : undefined),
      },
      embedder: {
        image,
        audio: image,
        texts: async (texts) => {
          embedded.push(...texts);
          return texts.map((text) => unit(text.length));
        },
      },
    },
    mediaStore,
    cache: createFeatureCache(stateStore),
  };
});

async function keptFeatures(): Promise<number> {
  let count = 0;
  for await (const _ of stateStore.list({ prefix: 'features/' })) count += 1;
  return count;
}

const options = { signal: new AbortController().signal };
const row = (line: number, inputs: object) => ({ line, inputs });

describe('features', () => {
  it('come from the index, from the encoder, and the second time from the cache', async () => {
    const rows = [
      row(1, { image: 'known.png', text: 'abc' }),
      row(2, { image: 'new.png' }),
      row(3, { text: 'abcde' }),
      row(4, { image: 'new.png' }),
    ];
    const problems = createProblems();
    const first = await readFeatures(deps, 'set.jsonl', rows, problems, options);
    expect(embedded).toEqual(['new', 'abc', 'abcde']);
    expect([...first.image!.present]).toEqual([1, 1, 0, 1]);
    expect(first.image!.values.slice(0, 4)).toEqual(Float32Array.of(...unit(2), ...unit(1)));
    expect(first.image!.values.slice(4)).toEqual(Float32Array.of(0, 0, ...unit(1)));
    expect([...first.text!.present]).toEqual([1, 0, 1, 0]);
    expect(await readFeatures(deps, 'set.jsonl', rows, problems, options)).toEqual(first);
    expect(embedded).toHaveLength(3);
    await mediaStore.put('new.png', Buffer.from('newer'));
    await readFeatures(deps, 'set.jsonl', rows, problems, options);
    expect(embedded.slice(3)).toEqual(['newer']);
    problems.refuse('set.jsonl');
  });

  it('that come from an object go with it', async () => {
    await readFeatures(deps, 'set.jsonl', [row(1, { image: 'new.png', text: 'abc' })], createProblems(), options);
    expect(await keptFeatures()).toBe(2);
    await deps.cache.forget('new.png');
    expect(await keptFeatures()).toBe(1);
    await deps.cache.forget('set.jsonl');
    expect(await keptFeatures()).toBe(0);
  });

  it('that cannot be had are problems of their rows; a modality without a model refuses the whole', async () => {
    const problems = createProblems();
    const rows = [row(3, { image: 'no.png' }), row(5, { image: 'broken.png' }), row(7, { image: 'broken.png' })];
    await readFeatures(deps, 'set.jsonl', rows, problems, options);
    expect(problems.count).toBe(3);
    expect(() => problems.refuse('set.jsonl')).toThrow(/line 3: .*there is no object "no.png", and 2 more problems/);
    await expect(readFeatures(deps, 'set.jsonl', [row(1, { audio: 'new.png' })], problems, options)).rejects.toThrow(
      /no model in use embeds audio/,
    );
  });

  it('are not read on when the job is cancelled', async () => {
    const signal = AbortSignal.abort();
    const reading = readFeatures(deps, 'set.jsonl', [row(1, { text: 'abc' })], createProblems(), { signal });
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });
});
