import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReader } from '#shared/answer/open-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';

/** The size that the model may have, in bytes. */
const LIMIT = 10_000_000;

let reader: Reader;
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../../shared/models/reader', import.meta.url));
  reader = await openReader(folder, { openSession: createOnnxSession });
});
afterAll(() => reader.close());

const drawing = (colour: string, shape: string) =>
  sharp(Buffer.from(`<svg width="64" height="64"><rect width="64" height="64" fill="#eee"/>${shape.replace('F', colour)}</svg>`)).png().toBuffer(); // biome-ignore format: one line

describe('the bundled reader', () => {
  it.each([
    ['red', '#e02020', '<circle cx="32" cy="32" r="14" fill="F"/>', 'circle'],
    ['blue', '#2030e0', '<rect x="14" y="22" width="34" height="18" fill="F"/>', 'rectangle'],
    ['green', '#20a030', '<path d="M32 12L50 48H14z" fill="F"/>', 'triangle'],
  ])('sees a %s shape', async (colour, css, shape, name) => {
    const image = await drawing(css, shape);
    const ask = async (question: string) => (await reader.read({ image, question }))[0]!.answer;
    expect(await ask('what color is the shape?')).toBe(colour);
    expect(await ask('what shape is in the image?')).toBe(name);
    expect(await ask(`is there a ${name}?`)).toBe('yes');
    expect(await ask(`is there a ${colour} shape?`)).toBe('yes');
  });

  it('understands a question that denies', async () => {
    const image = await drawing('#e02020', '<circle cx="32" cy="32" r="14" fill="F"/>');
    const ask = async (question: string) => (await reader.read({ image, question }))[0]!.answer;
    expect(await ask('is there not a red shape in the image?')).toBe('no');
    expect(await ask('is there not a blue shape in the image?')).toBe('yes');
  });

  it('has the figures that were measured in its card', () => {
    const figures = new Map(reader.facts!.metrics.map(({ name, value }) => [name.split(' ')[0], value]));
    expect([...figures.keys()]).toEqual(['easy-VQA', 'DAQUAR']);
    for (const { value } of reader.facts!.metrics) expect(value).toBeGreaterThan(0.2);
  });

  it('is below its limit', async () => {
    const graph = fileURLToPath(new URL('../../shared/models/reader/onnx/model.onnx', import.meta.url));
    expect((await stat(graph)).size).toBeLessThan(LIMIT);
  });
});
