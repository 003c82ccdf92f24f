import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findModel } from '#shared/models/find-model.ts';
import { makeModelFolder } from './make-model-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-find-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('finding a model', () => {
  it('knows the bundled one by name', async () => {
    expect(await findModel('starter', { dataFolder: folder })).toMatch(/shared\/models\/starter$/);
  });

  it('finds a pulled one by name, before a folder of that name', async () => {
    const pulled = await makeModelFolder(join(folder, 'models', 'tiny'));
    await makeModelFolder(join(folder, 'tiny'));
    expect(await findModel('tiny', { dataFolder: folder, from: folder })).toBe(pulled);
    expect(await findModel('./tiny', { dataFolder: folder, from: folder })).toBe(join(folder, 'tiny'));
  });

  it('takes a folder, absolute or relative', async () => {
    const model = await makeModelFolder(join(folder, 'somewhere', 'model'));
    expect(await findModel(model, { dataFolder: folder })).toBe(model);
    expect(await findModel('somewhere/model', { dataFolder: folder, from: folder })).toBe(model);
  });

  it('lists the models that are there when it finds none', async () => {
    await makeModelFolder(join(folder, 'models', 'tiny'));
    await expect(findModel('huge', { dataFolder: folder, from: folder })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('Models that are here: starter, reader, tiny.'),
    });
  });

  it.each(['../other', 'constructor', '', '..'])('does not take %j for a name', async (wanted) => {
    await makeModelFolder(join(folder, 'tiny'));
    await expect(findModel(wanted, { dataFolder: folder, from: join(folder, 'models') })).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
