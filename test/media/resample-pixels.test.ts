import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { resamplePixels } from '#shared/media/resample-pixels.ts';
import { drawPixels } from './pictures.ts';

const pattern = drawPixels(37, 23, (x, y) =>
  [0, 1, 2].map((c) => (x * 7 + y * 13 + c * 50 + ((x * y * (c + 1)) % 31) * 5) % 256),
);

/** First 16 digits of the SHA-256 of `Image.frombytes('RGB', (37, 23), ...).resize(size, filter).tobytes()`, Pillow 9.4.0. */
const PILLOW = [
  ['nearest', 8, 5, 'ba3f52b38cf46c77'],
  ['nearest', 64, 48, '444a076c8ba9d823'],
  ['nearest', 37, 6, 'dc23264b02b3a8f3'],
  ['bilinear', 8, 5, '70f31c133447648d'],
  ['bilinear', 64, 48, 'a62addc0a29b8f8b'],
  ['bilinear', 37, 6, 'ca5814fa52a14f8c'],
  ['bicubic', 8, 5, 'fe0f9a71fa358b0a'],
  ['bicubic', 64, 48, '4619b2f06b8089f4'],
  ['bicubic', 37, 6, 'b540241956979dd2'],
  ['lanczos', 8, 5, 'ca4d3eb63442f9d5'],
  ['lanczos', 64, 48, '8a940ccfb1900d77'],
  ['lanczos', 37, 6, '2ac89691cd8c8a56'],
] as const;

describe('resamplePixels', () => {
  it.each(PILLOW)('%s to %i x %i is bit for bit what Pillow gives', (filter, width, height, digest) => {
    const { data } = resamplePixels(pattern, width, height, filter);
    expect(createHash('sha256').update(data).digest('hex').slice(0, 16)).toBe(digest);
  });

  it('returns a picture that already has the size', () => {
    expect(resamplePixels(pattern, 37, 23, 'lanczos')).toBe(pattern);
  });

  it.each(['nearest', 'bilinear', 'bicubic', 'lanczos'] as const)('%s keeps a single colour', (filter) => {
    const flat = drawPixels(31, 17, () => [12, 200, 255]);
    const { data } = resamplePixels(flat, 9, 40, filter);
    expect(data).toEqual(drawPixels(9, 40, () => [12, 200, 255]).data);
  });
});
