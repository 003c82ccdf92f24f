import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { verifyEncoder, writeGoldenVectors } from '#shared/encoders/golden-vectors.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';

const STARTER = fileURLToPath(new URL('../../shared/models/starter', import.meta.url));

let folder: string;
let encoder: Encoder;
beforeAll(async () => {
  folder = await makeModelFolder(join(await mkdtemp(join(tmpdir(), 'chiasm-golden-')), 'model'));
  encoder = await loadEncoder(folder, { openSession: createOnnxSession });
});
afterAll(async () => {
  await encoder.close();
  await rm(join(folder, '..'), { recursive: true });
});

describe('golden vectors', () => {
  it('are missing from a folder that was not packed; only what is wrong in itself is found then', async () => {
    expect(await verifyEncoder(folder, encoder)).toBe('unverified');
  });

  it('hold for the encoder that they were written with, and leave its space as it was', async () => {
    await writeGoldenVectors(folder, encoder);
    expect(await verifyEncoder(folder, encoder)).toBe('verified');
    const again = await loadEncoder(folder, { openSession: createOnnxSession });
    expect(again.space.id).toBe(encoder.space.id);
    await again.close();
  });

  it('find an encoder that gives other vectors, and say which', async () => {
    await writeGoldenVectors(folder, encoder);
    const turned: Encoder = {
      ...encoder,
      embedImages: async (images) => (await encoder.embedImages(images)).map((value, i) => (i % 2 ? value : -value)),
    };
    const failed = verifyEncoder(folder, turned);
    await expect(failed).rejects.toMatchObject({ code: 'model_invalid' });
    await expect(failed).rejects.toThrow(/image: differs from the reference/);
  });

  it('of another model are refused', async () => {
    const other = `${folder}-other`;
    await cp(folder, other, { recursive: true });
    await writeFile(join(other, 'golden.json'), JSON.stringify({ space: 'another', vectors: {} }));
    await expect(verifyEncoder(other, encoder)).rejects.toThrow(/expected vectors of .* got another/);
  });

  it('come with the bundled model', async () => {
    const starter = await loadEncoder(STARTER, { openSession: createOnnxSession });
    expect(await verifyEncoder(STARTER, starter)).toBe('verified');
    await starter.close();
  });
});
