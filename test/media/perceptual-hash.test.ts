import { describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { ImageGeometry } from '#shared/media/image.ts';
import { hashDistance, perceptualHash } from '#shared/media/perceptual-hash.ts';
import { drawPixels, drawScene, SQUARE_64, toSharp } from './pictures.ts';

const hashOf = async (bytes: Uint8Array, geometry: ImageGeometry = SQUARE_64) =>
  (await decodeImage(bytes, geometry)).perceptualHash;

describe('perceptualHash', () => {
  it.each([1, 2, 3, 4, 5])(
    'stays nearly the same when picture %i is re-encoded, resized or brightened',
    async (seed) => {
      const picture = toSharp(drawScene(320, 240, seed));
      const original = await hashOf(await picture.clone().png().toBuffer());
      const copies = [
        picture.clone().jpeg({ quality: 40 }),
        picture.clone().resize(100).webp({ quality: 50 }),
        picture.clone().resize(1000).jpeg(),
        picture.clone().linear(1.1, 5).png(),
      ];
      for (const copy of copies)
        expect(hashDistance(original, await hashOf(await copy.toBuffer()))).toBeLessThanOrEqual(6);
    },
  );

  it('does not depend on how the model crops', async () => {
    const bytes = await toSharp(drawScene(320, 240)).png().toBuffer();
    const cropped = await hashOf(bytes, { width: 96, height: 96, fit: 'crop', filter: 'bilinear' });
    expect(hashDistance(await hashOf(bytes), cropped)).toBeLessThanOrEqual(4);
  });

  it('differs between different pictures', () => {
    const hashes = [1, 2, 3, 4, 5, 6].map((seed) => perceptualHash(drawScene(64, 64, seed)));
    for (let i = 0; i < hashes.length; i++) {
      for (let j = 0; j < i; j++) expect(hashDistance(hashes[i]!, hashes[j]!)).toBeGreaterThan(12);
    }
  });

  it('is 16 hexadecimal digits, and zero for a single colour', () => {
    expect(perceptualHash(drawScene(64, 64))).toMatch(/^[0-9a-f]{16}$/);
    expect(perceptualHash(drawPixels(64, 64, () => [90, 120, 30]))).toBe('0000000000000000');
  });
});

describe('hashDistance', () => {
  it('counts the bits that differ', () => {
    expect(hashDistance('00000000000000ff', '00000000000000ff')).toBe(0);
    expect(hashDistance('0000000000000000', 'ffffffffffffffff')).toBe(64);
    expect(hashDistance('8000000000000000', '0000000000000003')).toBe(3);
  });
});
