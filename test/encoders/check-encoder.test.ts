import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkEncoder, referenceVectors } from '#shared/encoders/check-encoder.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';

let folder = '';
let encoder: Encoder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-check-'));
  encoder = await loadEncoder(await makeModelFolder(join(folder, 'a')), { openSession: createOnnxSession });
});
afterAll(async () => {
  await encoder.close();
  await rm(folder, { recursive: true });
});

const sameForAll = (rows: number): Float32Array =>
  Float32Array.from({ length: rows * 32 }, (_, i) => (i % 32 === 0 ? 1 : 0));

describe('the check of an encoder', () => {
  it('finds nothing in one that works, also against itself', async () => {
    expect(await checkEncoder(encoder)).toEqual([]);
    expect(await checkEncoder(encoder, { reference: await referenceVectors(encoder) })).toEqual([]);
  });

  it('finds a tower that gives one vector for everything', async () => {
    const broken: Encoder = { ...encoder, embedImages: async (images) => sameForAll(images.length) };
    const issues = await checkEncoder(broken);
    expect(issues.map((issue) => issue.path)).toEqual(['image']);
    expect(issues[0]?.message).toContain('same vector for different content');
  });

  it('finds a tower whose rows depend on their batch', async () => {
    const embedTexts: Encoder['embedTexts'] = async (texts) =>
      texts.length === 1 ? sameForAll(1) : encoder.embedTexts(texts);
    const issues = await checkEncoder({ ...encoder, embedTexts });
    expect(issues).toEqual([
      { path: 'text', message: expect.stringContaining('another vector in a batch than alone') },
    ]);
  });

  it('finds vectors that are not those of the reference', async () => {
    const path = await makeModelFolder(join(folder, 'b'), { seed: 2 });
    const other = await loadEncoder(path, { openSession: createOnnxSession });
    const issues = await checkEncoder(encoder, { reference: await referenceVectors(other) });
    expect(issues.map((issue) => issue.path).sort()).toEqual(['audio', 'image', 'text']);
    await other.close();
  });
});
