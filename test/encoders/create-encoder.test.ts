import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dot, row } from '#shared/core/vector.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { matchProbability } from '#shared/encoders/space.ts';
import type { Pixels } from '#shared/media/image.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { type ModelFolderSettings, makeModelFolder } from '../models/make-model-folder.ts';
import { createRandom } from '../models/tiny-meaning.ts';

const SIZE = 16;
const RATE = 16_000;
const dependencies = { openSession: createOnnxSession };

const solid = (red: number, green: number, blue: number): Pixels => ({
  width: SIZE,
  height: SIZE,
  data: Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => [red, green, blue][i % 3]!),
});
const COLOURS = { red: solid(255, 0, 0), green: solid(0, 255, 0), blue: solid(0, 0, 255), yellow: solid(255, 255, 0) };
const tone = (hz: number, seconds = 1, rate = RATE): Float32Array =>
  Float32Array.from({ length: seconds * rate }, (_, s) => 0.3 * Math.sin((2 * Math.PI * hz * s) / rate));
const noise = (seed: number): Pixels => {
  const random = createRandom(seed);
  return { width: SIZE, height: SIZE, data: Uint8Array.from({ length: SIZE * SIZE * 3 }, () => random() * 256) };
};

/** For each query, which item lies nearest. */
function nearest(queries: Float32Array, items: Float32Array, dimensions: number): number[] {
  return Array.from({ length: queries.length / dimensions }, (_, q) => {
    const cosines = Array.from({ length: items.length / dimensions }, (_, i) =>
      cosine(queries, q, items, i, dimensions),
    );
    return cosines.indexOf(Math.max(...cosines));
  });
}
const cosine = (a: Float32Array, i: number, b: Float32Array, j: number, dimensions: number): number =>
  dot(row(a, dimensions, i), row(b, dimensions, j));

function expectSameRows(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
}

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-encoder-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe.each(['inline', 'threaded'] as const)('the three towers of one space (%s sessions)', (kind) => {
  let model = '';
  let encoder: Encoder;
  beforeAll(async () => {
    model = await mkdtemp(join(tmpdir(), 'chiasm-starter-'));
    const openSession = kind === 'inline' ? createOnnxSession : createThreadedSession;
    encoder = await loadEncoder(await makeModelFolder(model), { openSession }, { maxBatch: 4 });
  });
  afterAll(async () => {
    await encoder.close();
    await rm(model, { recursive: true });
  });

  it('describe what they take', () => {
    expect(encoder.space).toMatchObject({ id: expect.stringMatching(/^tiny-1-/), dimensions: 32 });
    expect([...encoder.modalities].sort()).toEqual(['audio', 'image', 'text']);
    expect(encoder.image).toEqual({ width: SIZE, height: SIZE, fit: 'squash', filter: 'bicubic' });
    expect(encoder.audio).toEqual({ sampleRateHz: RATE, windowSeconds: 5 });
    expect(encoder.maxTokens).toBe(16);
  });

  it('find pictures by their colour', async () => {
    const images = await encoder.embedImages(Object.values(COLOURS));
    const texts = await encoder.embedTexts([...Object.keys(COLOURS), 'a photo of a crimson square']);
    expect(nearest(texts, images, 32)).toEqual([0, 1, 2, 3, 0]);
  });

  it('find sounds by their pitch', async () => {
    const sounds = await encoder.embedAudio([tone(150), tone(880), tone(5000)]);
    const texts = await encoder.embedTexts(['a low tone', 'a middle tone', 'a high tone']);
    expect(nearest(texts, sounds, 32)).toEqual([0, 1, 2]);
  });

  it('give a match probability that tells right from wrong', async () => {
    const images = await encoder.embedImages([COLOURS.red, COLOURS.blue]);
    const text = await encoder.embedTexts(['red']);
    const probability = (i: number) => matchProbability(encoder.space, 'text', 'image', cosine(text, 0, images, i, 32));
    expect(probability(0)).toBeGreaterThan(0.9);
    expect(probability(1)).toBeLessThan(0.1);
  });

  it('give rows of length 1', async () => {
    const vectors = await Promise.all([
      encoder.embedTexts(['red', '', 'two dogs']),
      encoder.embedImages([noise(1), noise(2), noise(3)]),
      encoder.embedAudio([new Float32Array(0), tone(440), tone(100, 5)]),
    ]);
    for (const rows of vectors) {
      expect(rows.length).toBe(3 * 32);
      for (let i = 0; i < 3; i++) expect(cosine(rows, i, rows, i, 32)).toBeCloseTo(1, 5);
    }
  });

  it('give a text the same row alone and among longer texts', async () => {
    const texts = ['red', 'a picture of two dogs in the green grass', '', 'blue car', 'x'.repeat(500)];
    const together = await encoder.embedTexts(texts);
    for (const [i, text] of texts.entries()) expectSameRows(row(together, 32, i), await encoder.embedTexts([text]));
  });

  it('give a picture the same row alone and in a call of several batches', async () => {
    const images = Array.from({ length: 11 }, (_, i) => noise(i));
    const together = await encoder.embedImages(images);
    for (const [i, image] of images.entries()) expectSameRows(row(together, 32, i), await encoder.embedImages([image]));
  });

  it('give a sound the same row alone and among sounds of other lengths', async () => {
    const clips = [tone(150, 0.2), tone(880, 3), tone(300, 3), tone(5000, 5), new Float32Array(0), tone(90, 3)];
    const together = await encoder.embedAudio(clips);
    for (const [i, clip] of clips.entries()) expectSameRows(row(together, 32, i), await encoder.embedAudio([clip]));
  });

  it('leave the samples and pixels that they are given untouched', async () => {
    const clip = tone(440);
    const image = noise(5);
    await Promise.all([encoder.embedAudio([clip]), encoder.embedImages([image])]);
    expect(clip).toEqual(tone(440));
    expect(image).toEqual(noise(5));
  });

  it('answer many calls at once, each with its own rows', async () => {
    const names = Object.keys(COLOURS);
    const expected = await encoder.embedTexts(names);
    const calls = Array.from({ length: 60 }, async (_, i) => {
      const [text] = await Promise.all([encoder.embedTexts([names[i % 4]!]), encoder.embedImages([noise(i)])]);
      expectSameRows(text, row(expected, 32, i % 4));
    });
    await Promise.all(calls);
  });

  it('give nothing for nothing', async () => {
    expect((await encoder.embedTexts([])).length).toBe(0);
    expect((await encoder.embedImages([])).length).toBe(0);
    expect((await encoder.embedAudio([])).length).toBe(0);
  });

  it('give feature maps together with the same rows', async () => {
    const images = [COLOURS.red, COLOURS.green, noise(1), noise(2), noise(3)];
    const features = await encoder.imageFeatures?.(images);
    expect(features?.shape).toEqual([5, 3, 4, 4]);
    expectSameRows(features!.embeddings, await encoder.embedImages(images));
    expect([...features!.featureMaps.subarray(0, 17)]).toEqual([...Array(16).fill(1), -1]); // red is 1, green is -1
  });

  it('refuse content of another geometry', async () => {
    const wide: Pixels = { width: 32, height: 8, data: new Uint8Array(32 * 8 * 3) };
    await expect(encoder.embedImages([wide])).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(encoder.embedAudio([tone(440, 6)])).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('the families', () => {
  it.each(['clip', 'siglip'] as const)(
    '%s finds pictures by their colour, though its graphs do not normalise',
    async (family) => {
      const encoder = await loadEncoder(await makeModelFolder(folder, { family }), dependencies);
      const images = await encoder.embedImages(Object.values(COLOURS));
      const texts = await encoder.embedTexts(Object.keys(COLOURS));
      expect(nearest(texts, images, 32)).toEqual([0, 1, 2, 3]);
      for (let i = 0; i < 4; i++) expect(cosine(images, i, images, i, 32)).toBeCloseTo(1, 5);
      expect(matchProbability(encoder.space, 'text', 'image', 1)).toBeUndefined();
      expect(encoder.imageFeatures).toBeUndefined();
      await expect(encoder.embedAudio([tone(440)])).rejects.toMatchObject({ code: 'unsupported_modality' });
      await encoder.close();
    },
  );

  it('clap finds sounds by their pitch, whatever their length, alone as in a batch', async () => {
    const encoder = await loadEncoder(
      await makeModelFolder(folder, { family: 'clap', windowSeconds: 2 }),
      dependencies,
    );
    expect(encoder.audio).toEqual({ sampleRateHz: 48_000, windowSeconds: 2 });
    const sounds = [tone(150, 1, 48_000), tone(880, 0.3, 48_000), tone(5000, 2, 48_000)];
    const vectors = await encoder.embedAudio(sounds);
    const texts = await encoder.embedTexts(['a low tone', 'a middle tone', 'a high tone']);
    expect(nearest(texts, vectors, 32)).toEqual([0, 1, 2]);
    for (const [i, sound] of sounds.entries()) expectSameRows(row(vectors, 32, i), await encoder.embedAudio([sound]));
    await expect(encoder.embedAudio([tone(440, 3, 48_000)])).rejects.toMatchObject({ code: 'invalid_request' });
    expect([...encoder.modalities].sort()).toEqual(['audio', 'text']);
    await encoder.close();
  });

  it('dinov2 knows pictures only', async () => {
    const encoder = await loadEncoder(await makeModelFolder(folder, { family: 'dinov2' }), dependencies);
    const images = await encoder.embedImages([COLOURS.red, solid(250, 4, 4), COLOURS.blue]);
    expect(cosine(images, 0, images, 1, 32)).toBeGreaterThan(0.99);
    expect(cosine(images, 0, images, 2, 32)).toBeLessThan(0);
    await expect(encoder.embedTexts(['red'])).rejects.toMatchObject({ code: 'unsupported_modality' });
    expect(encoder.maxTokens).toBeUndefined();
    await encoder.close();
  });

  it('sentence encoders take the mean over the tokens that are not padding', async () => {
    const encoder = await loadEncoder(await makeModelFolder(folder, { family: 'sentence' }), dependencies);
    const texts = ['red', 'a photo of a red square in the picture', 'blue'];
    const together = await encoder.embedTexts(texts);
    for (const [i, text] of texts.entries()) expectSameRows(row(together, 32, i), await encoder.embedTexts([text]));
    expect(cosine(together, 0, together, 1, 32)).toBeGreaterThan(0.9);
    expect(cosine(together, 0, together, 2, 32)).toBeLessThan(0.1);
    expect(encoder.image).toBeUndefined();
    await encoder.close();
  });

  it('open only the towers that are asked for', async () => {
    const path = await makeModelFolder(folder);
    const encoder = await loadEncoder(path, dependencies, { modalities: ['text'] });
    expect([...encoder.modalities]).toEqual(['text']);
    await expect(encoder.embedImages([noise(1)])).rejects.toMatchObject({ code: 'unsupported_modality' });
    await encoder.close();
  });
});

describe('a graph that does not fit its folder', () => {
  /** A vision tower that gives `rows` of pixel means, as each test bends it. */
  const visionGraph = (change: Partial<Graph> = {}): Graph => ({
    inputs: [{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, 'height', 'width'] }],
    outputs: [{ name: 'image_embeds', type: 'float32', shape: ['batch', 3] }],
    nodes: [
      {
        op: 'ReduceMean',
        inputs: ['pixel_values'],
        outputs: ['image_embeds'],
        attributes: { axes: [2, 3], keepdims: 0 },
      },
    ],
    initializers: [],
    ...change,
  });
  const load = async (vision: Uint8Array, settings: ModelFolderSettings = {}) => {
    await makeModelFolder(folder, { family: 'clip', ...settings });
    await writeFile(join(folder, 'onnx', 'vision_model.onnx'), vision);
    const encoder = await loadEncoder(folder, dependencies);
    await encoder.close();
  };

  it('is refused when its vectors are of another size than the other tower gives', async () => {
    await expect(load(writeOnnx(visionGraph()))).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining('vision_model.onnx: expected vectors of 32 dimensions; got 3'),
    });
  });

  it('is refused when its vectors are of another size than the card says', async () => {
    await makeModelFolder(folder);
    const card = JSON.parse(await readFile(join(folder, 'chiasm.json'), 'utf8'));
    await writeFile(join(folder, 'chiasm.json'), JSON.stringify({ ...card, dimensions: 64 }));
    await expect(loadEncoder(folder, dependencies)).rejects.toThrow(/expected vectors of 64 dimensions; got 32/);
  });

  it('is refused when it lacks the input or the output of its family, with what it has', async () => {
    const input = { name: 'image', type: 'float32', shape: ['batch', 3, 16, 16] } as const;
    const output = { name: 'logits', type: 'float32', shape: ['batch', 3] } as const;
    const attributes = { axes: [2, 3], keepdims: 0 };
    const otherInput = visionGraph({
      inputs: [input],
      nodes: [{ op: 'ReduceMean', inputs: ['image'], outputs: ['image_embeds'], attributes }],
    });
    await expect(load(writeOnnx(otherInput))).rejects.toThrow(
      /expected the input pixel_values .*it has image float32 \[batch, 3, 16, 16\]/,
    );
    const otherOutput = visionGraph({
      outputs: [output],
      nodes: [{ op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['logits'], attributes }],
    });
    await expect(load(writeOnnx(otherOutput))).rejects.toThrow(/expected an output image_embeds; it has logits/);
  });

  it('is refused when it fixes another picture size than the preprocessing makes', async () => {
    const fixed = visionGraph({ inputs: [{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, 24, 24] }] });
    await expect(load(writeOnnx(fixed))).rejects.toThrow(
      /takes 24 x 24 pixels; preprocessor_config.json makes 16 x 16/,
    );
  });

  it('is refused when it gives numbers that are not finite', async () => {
    const infinite = visionGraph({
      nodes: [
        { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['mean'], attributes: { axes: [2, 3], keepdims: 0 } },
        { op: 'Div', inputs: ['mean', 'zero'], outputs: ['image_embeds'] },
      ],
      initializers: [{ name: 'zero', shape: [1], data: Float32Array.of(0) }],
    });
    await expect(load(writeOnnx(infinite))).rejects.toThrow(/vector of norm (Infinity|NaN)/);
  });

  it('is refused when it is a pickle or was cut off', async () => {
    await expect(load(Buffer.from('\x80\x04\x95\x10', 'latin1'))).rejects.toThrow(
      /vision_model.onnx is not an ONNX model: .*pickle/,
    );
    const whole = writeOnnx(visionGraph());
    await expect(load(whole.subarray(0, whole.length / 2))).rejects.toThrow(/vision_model.onnx is damaged/);
  });
});
