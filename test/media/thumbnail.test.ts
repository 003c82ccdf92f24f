import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createThumbnail } from '#shared/media/thumbnail.ts';
import { drawPixels, drawScene, toSharp } from './pictures.ts';

const photo = toSharp(drawScene(400, 300));

describe('createThumbnail', () => {
  it('is a WebP of the asked width', async () => {
    const header = await sharp(await createThumbnail(await photo.clone().jpeg().toBuffer(), 120)).metadata();
    expect(header).toMatchObject({ format: 'webp', width: 120, height: 90 });
  });

  it('does not enlarge', async () => {
    const header = await sharp(await createThumbnail(await photo.clone().jpeg().toBuffer(), 1000)).metadata();
    expect(header).toMatchObject({ width: 400, height: 300 });
  });

  it('applies the orientation and drops the metadata', async () => {
    const bytes = await photo
      .clone()
      .withExif({ IFD0: { Copyright: 'someone' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 30/1 0/1' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect((await sharp(bytes).metadata()).exif).toBeDefined();
    const header = await sharp(await createThumbnail(bytes, 150)).metadata();
    expect(header).toMatchObject({ width: 150, height: 200 });
    expect(header.exif).toBeUndefined();
    expect(header.icc).toBeUndefined();
    expect(header.orientation).toBeUndefined();
  });

  it('bounds the height of a picture that is a long strip', async () => {
    const strip = await toSharp(drawPixels(20, 2000, () => [1, 2, 3]))
      .png()
      .toBuffer();
    const header = await sharp(await createThumbnail(strip, 20)).metadata();
    expect(header.height).toBeLessThanOrEqual(80);
  });

  it('refuses what decodeImage refuses', async () => {
    await expect(createThumbnail(new Uint8Array(0), 100)).rejects.toMatchObject({ code: 'corrupt_input' });
    const truncated = (await photo.clone().jpeg().toBuffer()).subarray(0, 2000);
    await expect(createThumbnail(truncated, 100)).rejects.toMatchObject({ code: 'corrupt_input' });
  });
});
