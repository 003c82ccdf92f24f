/** Two models at once: one for pictures and words, one for sounds. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chooseModels } from '#functions/local/model-choice.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { bodyOf } from '../api/api-fixture.ts';
import { startLocal, writeMedia } from './local-system.ts';

let models: string;
let root: string;
let pictures: string;
let sounds: string;

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'chiasm-models-'));
  pictures = await makeModelFolder(join(models, 'pictures'), { family: 'siglip', card: true, dimensions: 48, seed: 3 });
  sounds = await makeModelFolder(join(models, 'sounds'), { seed: 4 });
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'chiasm-several-'));
  await writeMedia(root);
  return () => rm(root, { recursive: true, force: true });
});
afterAll(() => rm(models, { recursive: true, force: true }));

describe('two models at once', () => {
  it('embed each what they are chosen for, and answer one query together', async () => {
    const system = await startLocal(root, [pictures, `${sounds}:audio`]);
    await system.settle();
    const { live } = await system.get('/v1/spaces');
    expect(live).toMatchObject([
      { dimensions: 48, modalities: ['image', 'text'], items: 11 },
      { dimensions: 32, modalities: ['audio'], items: 2 },
    ]);
    expect((await system.get('/v1/stats')).items).toEqual({ pending: 0, indexed: 11, failed: 0 });
    expect((await system.search('red'))[0]).toMatch(/colours\/(red|crimson)/);
    expect((await system.search('low'))[0]).toBe('sounds/low.wav');
    expect(await system.search('low')).toHaveLength(11);
    const item = await system.get('/v1/items/sounds/low.wav');
    expect(item).toMatchObject({ parts: 1, ranges: [{ startSeconds: 0 }] });

    const sound = await bodyOf(system.post('/v1/search', { query: [{ item: 'sounds/low.wav' }] }));
    expect(sound.results[0].key).toBe('sounds/low.wav');
    expect(sound.results.map(({ modality }: { modality: string }) => modality)).toEqual(['audio', 'audio']);
    expect(sound.warnings).toMatchObject([{ code: 'unreached', terms: ['audio'], modalities: ['image', 'text'] }]);
    expect(await bodyOf(system.post('/v1/recall', { k: 3 }))).toMatchObject({ recall: 1, samples: 11 });
    const similar = await system.get('/v1/duplicates?kind=similar');
    expect(similar.groups.every(({ items }: { items: unknown[] }) => items.length > 1)).toBe(true);
    const labels = { input: { audio: { item: 'sounds/high.wav' } }, labels: ['low', 'high'] };
    expect((await bodyOf(system.post('/v1/classify', labels))).labels[0].name).toBe('high');

    expect((await system.request('/v1/objects/sounds/low.wav', { method: 'DELETE' })).status).toBe(204);
    expect(await system.search('low')).not.toContain('sounds/low.wav');
    await system.close();
    const again = await startLocal(root, [pictures, `${sounds}:audio`]);
    expect(await again.spaces.catchUp()).toBe(0);
    expect((await again.get('/v1/spaces')).live.map(({ items }: { items: number }) => items)).toEqual([10, 1]);
  });

  it('come to one that is there: only what the new one is chosen for is embedded', async () => {
    const one = await startLocal(root, [pictures]);
    await one.settle();
    const { indexedAt } = await one.get('/v1/items/colours/red.png');
    expect(await one.search('low')).toHaveLength(9); // nothing to compare sounds with
    await one.close();
    const two = await startLocal(root, [pictures, `${sounds}:audio`]);
    expect((await two.spaces.estimate()).items).toBe(2);
    expect(await two.spaces.build()).toEqual({ kind: 'switched' });
    expect((await two.get('/v1/items/colours/red.png')).indexedAt).toBe(indexedAt);
    expect((await two.search('low'))[0]).toBe('sounds/low.wav');
    expect((await two.get('/v1/spaces')).kept).toEqual([]);
  });

  it('change places: the one that held everything keeps only what it is chosen for', async () => {
    const before = await startLocal(root, [sounds]);
    await before.settle();
    await before.close();
    const after = await startLocal(root, [pictures, `${sounds}:audio`]);
    expect(await after.spaces.build()).toEqual({ kind: 'switched' });
    await after.spaces.idle();
    const { live, kept } = await after.get('/v1/spaces');
    expect([live.map(({ items }: { items: number }) => items), kept]).toEqual([[11, 2], []]);
    expect((await after.search('low'))[0]).toBe('sounds/low.wav');
    expect((await after.search('red'))[0]).toMatch(/colours\/(red|crimson)/);
  });
});

describe('the choice of models', () => {
  it('says what is wrong with it', async () => {
    await expect(chooseModels([pictures, pictures], root)).rejects.toThrow(/named twice/);
    await expect(chooseModels([`${pictures}:smell`], root)).rejects.toThrow(/expected image, audio, text/);
    await expect(startLocal(root, [`${pictures}:audio`])).rejects.toThrow(/does not embed audio; it embeds/);
    await expect(startLocal(root, [sounds, pictures])).rejects.toThrow(/nothing is left for the model .*:image/);
  });
});
