import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dot, row } from '#shared/core/vector.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { matchProbability } from '#shared/encoders/space.ts';
import type { Pixels } from '#shared/media/image.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';

const FOLDER = fileURLToPath(new URL('../../shared/models/starter', import.meta.url));
const D = 256;
const LARGEST_BYTES = 24e6;

const goldenSchema = z.object({
  sentence: z.string(),
  side: z.int(),
  hertz: z.number(),
  samples: z.int(),
  text: z.array(z.number()).length(D),
  image: z.array(z.number()).length(D),
  audio: z.array(z.number()).length(D),
});

let encoder: Encoder;
beforeAll(async () => {
  encoder = await loadEncoder(FOLDER, { openSession: createOnnxSession });
}, 30_000);
afterAll(() => encoder.close());

/** Pixel (x, y) = (3x + y, x + 2y, xy) mod 256, as in recipe/golden.py. */
function patternedPicture(side: number): Pixels {
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) data.set([(3 * x + y) & 255, (x + 2 * y) & 255, (x * y) & 255], 3 * (y * side + x));
  }
  return { width: side, height: side, data };
}

const tone = (hertz: number, samples: number): Float32Array =>
  Float32Array.from({ length: samples }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hertz * n) / 16_000));

async function drawn(shape: string): Promise<Pixels> {
  const { width, height } = encoder.image!;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><rect width="100" height="100" fill="#f4f4f4"/>${shape}</svg>`;
  const data = await sharp(Buffer.from(svg)).resize(width, height).removeAlpha().raw().toBuffer();
  return { width, height, data: Uint8Array.from(data) };
}

const circle = (colour: string) => drawn(`<circle cx="50" cy="50" r="26" fill="${colour}"/>`);
const square = (colour: string) => drawn(`<rect x="26" y="26" width="48" height="48" fill="${colour}"/>`);

describe('the bundled starter model', () => {
  it('gives the golden vectors of its recipe', async () => {
    const text = await readFile(new URL('./starter-golden.json', import.meta.url), 'utf8');
    const golden = goldenSchema.parse(JSON.parse(text));
    const vectors = {
      text: await encoder.embedTexts([golden.sentence]),
      image: await encoder.embedImages([patternedPicture(golden.side)]),
      audio: await encoder.embedAudio([tone(golden.hertz, golden.samples)]),
    };
    for (const kind of ['text', 'image', 'audio'] as const) {
      expect(dot(vectors[kind], Float32Array.from(golden[kind])), kind).toBeGreaterThan(0.999);
    }
  });

  it('takes at most 24 MB', async () => {
    const names = (await readdir(FOLDER, { recursive: true })).filter((name) => !name.startsWith('recipe'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(FOLDER, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(LARGEST_BYTES);
  });

  it('has three towers in one space, with a calibration for every pair that a search compares', () => {
    expect([...encoder.modalities].sort()).toEqual(['audio', 'image', 'text']);
    expect(encoder.space.dimensions).toBe(D);
    for (const pair of ['image-text', 'audio-text', 'image-image', 'audio-audio', 'audio-image'] as const) {
      expect(encoder.space.calibration[pair], pair).toBeDefined();
    }
  });

  it('gives one row of length one for each text, however long', async () => {
    const texts = ['dog', 'two dogs run on the grass', 'word '.repeat(200), ''];
    const rows = await encoder.embedTexts(texts);
    expect(rows.length).toBe(texts.length * D);
    for (const [n] of texts.entries()) expect(dot(row(rows, D, n), row(rows, D, n))).toBeCloseTo(1, 4);
  });

  it('sees a picture as a grid of at least four by four places', async () => {
    const { width, height } = encoder.image!;
    expect(width).toBe(height);
    const { shape, featureMaps, embeddings } = await encoder.imageFeatures!([patternedPicture(width)]);
    expect(embeddings.length).toBe(D);
    expect(Math.min(shape[2], shape[3])).toBeGreaterThanOrEqual(4);
    expect(featureMaps.length).toBe(shape[0] * shape[1] * shape[2] * shape[3]);
  });

  it('finds the red circle among drawn shapes', async () => {
    const pictures = await Promise.all([
      circle('#d62828'),
      circle('#2456c8'),
      circle('#43aa3c'),
      circle('#f9c74f'),
      square('#2456c8'),
      square('#43aa3c'),
    ]);
    const [query, rows] = [await encoder.embedTexts(['a red circle']), await encoder.embedImages(pictures)];
    const cosines = pictures.map((_, n) => dot(query, row(rows, D, n)));
    expect(cosines.indexOf(Math.max(...cosines))).toBe(0);
  });

  it('puts a paraphrase nearer than another subject', async () => {
    const rows = await encoder.embedTexts(['a puppy', 'a dog', 'an airplane']);
    expect(dot(row(rows, D, 0), row(rows, D, 1))).toBeGreaterThan(dot(row(rows, D, 0), row(rows, D, 2)) + 0.2);
  });

  it('does not hear the zeros at the end of a sound', async () => {
    const sound = tone(440, 20_000);
    const padded = new Float32Array(60_000);
    padded.set(sound);
    const [alone, longer] = [await encoder.embedAudio([sound]), await encoder.embedAudio([padded])];
    expect(dot(alone, longer)).toBeGreaterThan(0.99);
  });

  it('says a higher probability for a nearer match', () => {
    const probability = (cosine: number) => matchProbability(encoder.space, 'text', 'image', cosine)!;
    expect(probability(0.6)).toBeGreaterThan(probability(0.2));
  });
});
