import { mkdtemp, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { makeModelFolder } from './make-model-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-model-'));
});
afterEach(() => rm(folder, { recursive: true }));

type JsonObject = Record<string, unknown>;

async function changeJson(name: string, change: (value: JsonObject) => JsonObject): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
}

async function issuesOf(opening: Promise<unknown>): Promise<string[]> {
  try {
    await opening;
  } catch (error) {
    expect(error).toMatchObject({ code: 'model_invalid' });
    return (error as { issues: { path: string; message: string }[] }).issues.map(
      (issue) => `${issue.path}: ${issue.message}`,
    );
  }
  throw new Error('the folder was accepted');
}

describe('a complete folder', () => {
  it('gives its graphs, preprocessing, calibration and card', async () => {
    const model = await openModelFolder(await makeModelFolder(folder));
    expect(model.family.name).toBe('chiasm-starter');
    expect(model.graphs).toEqual({
      text: join(folder, 'onnx/text_model.onnx'),
      image: join(folder, 'onnx/vision_model.onnx'),
      audio: join(folder, 'onnx/audio_model.onnx'),
    });
    expect(model.image).toEqual({
      geometry: { width: 16, height: 16, fit: 'squash', filter: 'bicubic' },
      rescaleFactor: 1 / 255,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    });
    expect(model.audio).toMatchObject({ sampling_rate: 16_000, max_length_s: 5, min_length_s: 1 });
    expect(model.card?.queryTemplates).toEqual({ image: ['a photo of a {}'], audio: ['the sound of {}'] });
  });

  it('has the pairs of its calibration in alphabetical order, however the card writes them', async () => {
    const { card } = await openModelFolder(await makeModelFolder(folder));
    expect(Object.keys(card?.calibration ?? {}).sort()).toEqual([
      'audio-audio', 'audio-image', 'audio-text', 'image-image', 'image-text', 'text-text',
    ]); // biome-ignore format: one line
  });

  it('has a space id that names the model and stays the same wherever the folder lies', async () => {
    const first = await openModelFolder(await makeModelFolder(join(folder, 'a')));
    const second = await openModelFolder(await makeModelFolder(join(folder, 'b')));
    expect(first.spaceId).toMatch(/^tiny-1-[0-9a-f]{8}$/);
    expect(second.spaceId).toBe(first.spaceId);
  });

  it('has another space id with other weights, and the same with another calibration', async () => {
    const { spaceId } = await openModelFolder(await makeModelFolder(folder));
    await changeJson('chiasm.json', (card) => ({ ...card, calibration: {} }));
    expect((await openModelFolder(folder)).spaceId).toBe(spaceId);
    await makeModelFolder(folder, { seed: 2 });
    expect((await openModelFolder(folder)).spaceId).not.toBe(spaceId);
  });

  it('needs no card: the space is then called after the folder', async () => {
    const model = await openModelFolder(await makeModelFolder(join(folder, 'My CLIP'), { family: 'clip' }));
    expect(model.card).toBeUndefined();
    expect(model.spaceId).toMatch(/^my-clip-[0-9a-f]{8}$/);
    expect(model.image?.geometry).toEqual({ width: 16, height: 16, fit: 'crop', shortestEdge: 16, filter: 'bicubic' });
  });

  it('may have towers left out', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await unlink(join(folder, 'onnx/text_model.onnx'));
    await unlink(join(folder, 'tokenizer.json'));
    const model = await openModelFolder(folder);
    expect(Object.keys(model.graphs)).toEqual(['image']);
  });

  it('is read from its quantised graphs when those are all there is, or when they are asked for', async () => {
    await makeModelFolder(folder, { family: 'siglip' });
    const vision = join(folder, 'onnx/vision_model.onnx');
    await writeFile(join(folder, 'onnx/vision_model_quantized.onnx'), await readFile(vision));
    await rename(join(folder, 'onnx/text_model.onnx'), join(folder, 'onnx/text_model_fp16.onnx'));
    const usual = await openModelFolder(folder);
    expect(usual.graphs).toEqual({ text: join(folder, 'onnx/text_model_fp16.onnx'), image: vision });
    const quantized = await openModelFolder(folder, { variant: '_quantized' });
    expect(quantized.graphs.image).toBe(join(folder, 'onnx/vision_model_quantized.onnx'));
    expect(quantized.spaceId).not.toBe(usual.spaceId);
  });

  it('may write picture sizes as older exports do', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await changeJson('preprocessor_config.json', (config) => ({ ...config, size: 20, crop_size: 16, resample: 2 }));
    const model = await openModelFolder(folder);
    expect(model.image?.geometry).toEqual({ width: 16, height: 16, fit: 'crop', shortestEdge: 20, filter: 'bilinear' });
  });
});

describe('a folder that cannot be used', () => {
  it('is not found when it is not there', async () => {
    await expect(openModelFolder(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['config.json', 'config.json: missing'],
    ['tokenizer.json', 'tokenizer.json: missing; the text tower needs it'],
    ['tokenizer_config.json', 'tokenizer_config.json: missing; the text tower needs it'],
    ['preprocessor_config.json', 'preprocessor_config.json: missing; pictures and sounds need it'],
  ])('says that %s is missing', async (file, issue) => {
    await makeModelFolder(folder, { family: 'clip' });
    await unlink(join(folder, file));
    expect(await issuesOf(openModelFolder(folder))).toEqual([issue]);
  });

  it('says all that is missing at once', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await unlink(join(folder, 'tokenizer.json'));
    await unlink(join(folder, 'preprocessor_config.json'));
    expect(await issuesOf(openModelFolder(folder))).toHaveLength(2);
  });

  it('names the graphs that it expected', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await rm(join(folder, 'onnx'), { recursive: true });
    expect((await issuesOf(openModelFolder(folder)))[0]).toContain('expected text_model.onnx, vision_model.onnx');
  });

  it('lists the kinds of models that load when it is of another', async () => {
    await makeModelFolder(folder);
    await changeJson('config.json', (config) => ({ ...config, model_type: 'llama' }));
    const [issue] = await issuesOf(openModelFolder(folder));
    expect(issue).toContain('"llama" is not among the models that load: chiasm-starter, clip, siglip');
  });

  it.each([
    [
      'a file with other content',
      'tokenizer.json',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from(' ')]),
      'SHA-256',
    ],
    [
      'a file that was cut off',
      'onnx/vision_model.onnx',
      (bytes: Buffer) => bytes.subarray(0, -10),
      'bytes, the file has',
    ],
  ])('is refused for %s, which its card lists', async (_title, file, change, message) => {
    await makeModelFolder(folder);
    await writeFile(join(folder, file), change(await readFile(join(folder, file))));
    const issues = await issuesOf(openModelFolder(folder));
    expect(issues).toHaveLength(1);
    expect(issues[0]).toContain(`${file}: the card says`);
    expect(issues[0]).toContain(message);
  });

  it('is refused when its card lists a file that is not there, or leaves out one that is used', async () => {
    await makeModelFolder(folder);
    await changeJson('chiasm.json', (card) => ({
      ...card,
      files: { ...(card.files as JsonObject), 'onnx/more.onnx': { sha256: '0'.repeat(64), sizeBytes: 1 } },
    }));
    expect(await issuesOf(openModelFolder(folder))).toEqual(['onnx/more.onnx: the card lists it and it is missing']);
    await changeJson('chiasm.json', (card) => ({ ...card, files: {} }));
    expect(await issuesOf(openModelFolder(folder))).toContain(
      'onnx/text_model.onnx: the model uses it and the card does not list it in "files"',
    );
  });

  it.each(['../../etc/passwd', '/etc/passwd', 'onnx\\..\\x', 'C:/x'])(
    'is refused when its card lists %s',
    async (path) => {
      await makeModelFolder(folder);
      await changeJson('chiasm.json', (card) => ({
        ...card,
        files: { [path]: { sha256: '0'.repeat(64), sizeBytes: 1 } },
      }));
      expect((await issuesOf(openModelFolder(folder))).join()).toContain('chiasm.json#/files');
    },
  );

  it('is refused when its card promises a tower that it lacks', async () => {
    await makeModelFolder(folder, { family: 'clip', card: true });
    await changeJson('chiasm.json', (card) => ({ ...card, modalities: ['text', 'image', 'audio'] }));
    expect(await issuesOf(openModelFolder(folder))).toEqual([
      'onnx/: the card promises audio, the folder has no graph for it',
    ]);
  });

  it.each([
    ['calibration of an unknown pair', { calibration: { 'text-video': { scale: 1, bias: 0 } } }, 'text-video'],
    ['calibration that falls', { calibration: { 'text-image': { scale: -1, bias: 0 } } }, 'scale'],
    ['a template without a place for the name', { queryTemplates: { image: ['a photo'] } }, 'queryTemplates/image/0'],
    ['a name that cannot stand in a key', { name: 'a/b' }, '#/name'],
  ])('is refused for %s in its card', async (_title, change, place) => {
    await makeModelFolder(folder);
    await changeJson('chiasm.json', (card) => ({ ...card, ...change }));
    expect((await issuesOf(openModelFolder(folder))).join()).toContain(place);
  });

  it.each([
    ['pictures of varying size', { size: { shortest_edge: 16 }, do_center_crop: false }],
    ['an unknown filter', { resample: 7 }],
    ['no mean', { image_mean: undefined }],
    ['a standard deviation of zero', { image_std: [0.5, 0, 0.5] }],
  ])('is refused when its preprocessing has %s', async (_title, change) => {
    await makeModelFolder(folder, { family: 'clip' });
    await changeJson('preprocessor_config.json', (config) => ({ ...config, ...change }));
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining('preprocessor_config.json'),
    });
  });

  it('says when a file is a Git LFS pointer, or is not JSON', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await writeFile(join(folder, 'tokenizer.json'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n');
    await expect(openModelFolder(folder)).rejects.toThrow(/git lfs pull/);
    await writeFile(join(folder, 'tokenizer.json'), '{"model":');
    await expect(openModelFolder(folder)).rejects.toThrow(/tokenizer.json is not JSON/);
  });
});
