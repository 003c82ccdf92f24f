import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/media/decode-image.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { resamplePixels } from '#shared/media/resample-pixels.ts';
import { drawPixels, drawScene, meanDifference, pixelAt, SQUARE_64, sameSize, toSharp } from './pictures.ts';

const scene = drawScene(96, 64);
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));

describe('formats', () => {
  it.each([
    ['JPEG', toSharp(scene).jpeg({ quality: 95 }), 2],
    ['progressive JPEG', toSharp(scene).jpeg({ quality: 95, progressive: true }), 2],
    ['PNG', toSharp(scene).png(), 0],
    ['interlaced PNG', toSharp(scene).png({ progressive: true }), 0],
    ['16-bit PNG', toSharp(scene).toColourspace('rgb16').png(), 1],
    ['palette PNG', toSharp(scene).png({ palette: true, colours: 256 }), 8],
    ['lossy WebP', toSharp(scene).webp({ quality: 95 }), 3],
    ['lossless WebP', toSharp(scene).webp({ lossless: true }), 0],
    ['GIF', toSharp(scene).gif(), 8],
    ['AVIF', toSharp(scene).avif({ quality: 90, effort: 0 }), 3],
    ['TIFF', toSharp(scene).tiff({ compression: 'lzw' }), 0],
  ])('decodes %s to the pixels that were encoded', async (_name, encoder, tolerance) => {
    const decoded = await decodeImage(await encoder.toBuffer(), sameSize(scene));
    expect(meanDifference(decoded.pixels, scene)).toBeLessThanOrEqual(tolerance);
    expect(decoded).toMatchObject({ width: 96, height: 64 });
  });

  it('decodes greyscale to three equal channels', async () => {
    const bytes = await toSharp(scene).greyscale().toColourspace('b-w').png().toBuffer();
    const { pixels } = await decodeImage(bytes, sameSize(scene));
    const [red, green, blue] = pixelAt(pixels, 40, 20);
    expect(pixels.data.length).toBe(96 * 64 * 3);
    expect([green, blue]).toEqual([red, red]);
  });

  it('blends transparency on white', async () => {
    const rgba = new Uint8Array([255, 0, 0, 128, 0, 0, 0, 0]);
    const bytes = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    const { pixels } = await decodeImage(bytes, sameSize({ width: 2, height: 1 }));
    expect([...pixels.data]).toEqual([255, 127, 127, 255, 255, 255]);
  });

  it('turns CMYK ink into the colours that it prints', async () => {
    const { pixels } = await decodeImage(fixture('cmyk.jpg'), sameSize({ width: 32, height: 16 }));
    const [cyanRed, cyanGreen, cyanBlue] = pixelAt(pixels, 8, 8);
    const [magentaRed, magentaGreen] = pixelAt(pixels, 24, 8);
    expect(cyanRed!).toBeLessThan(Math.min(cyanGreen!, cyanBlue!) - 60);
    expect(magentaGreen!).toBeLessThan(magentaRed! - 60);
  });

  it('converts a wide-gamut profile to sRGB', async () => {
    const red = drawPixels(8, 8, () => [200, 40, 40]);
    const bytes = await toSharp(red).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    const { pixels } = await decodeImage(bytes, sameSize(red));
    expect(stored[0]).not.toBe(200); // the file's own numbers are not sRGB
    expect(meanDifference(pixels, red)).toBeLessThanOrEqual(2);
  });

  it.each(['webp', 'gif'] as const)('takes the first frame of an animated %s', async (format) => {
    const frames = await Promise.all(
      ['#ff0000', '#0000ff'].map((background) =>
        sharp({ create: { width: 16, height: 16, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const bytes = await sharp(frames, { join: { animated: true } })
      .toFormat(format, { lossless: true })
      .toBuffer();
    const decoded = await decodeImage(bytes, sameSize({ width: 16, height: 16 }));
    expect(decoded).toMatchObject({ width: 16, height: 16, averageColour: '#ff0000' });
  });
});

describe('orientation', () => {
  const upright = drawScene(48, 32);
  const { width: W, height: H } = upright;
  /** Where the stored pixel (column, row) lies in the upright picture. CIPA DC-008 (EXIF), tag 274. */
  const positions: Record<number, (column: number, row: number) => [number, number]> = {
    1: (c, r) => [c, r],
    2: (c, r) => [W - 1 - c, r],
    3: (c, r) => [W - 1 - c, H - 1 - r],
    4: (c, r) => [c, H - 1 - r],
    5: (c, r) => [r, c],
    6: (c, r) => [W - 1 - r, c],
    7: (c, r) => [W - 1 - r, H - 1 - c],
    8: (c, r) => [r, H - 1 - c],
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i gives the same upright pixels', async (orientation) => {
    const isTurned = orientation >= 5;
    const stored = drawPixels(isTurned ? H : W, isTurned ? W : H, (column, row) =>
      pixelAt(upright, ...positions[orientation]!(column, row)),
    );
    const bytes = await toSharp(stored).withMetadata({ orientation }).png().toBuffer();
    const decoded = await decodeImage(bytes, sameSize(upright));
    expect(decoded).toMatchObject({ width: W, height: H });
    expect(decoded.pixels.data).toEqual(upright.data);
  });
});

describe('geometry', () => {
  it('squash resizes both sides, whatever the shape', async () => {
    const { pixels } = await decodeImage(await toSharp(scene).png().toBuffer(), SQUARE_64);
    expect(pixels).toEqual(resamplePixels(scene, 64, 64, 'bicubic'));
  });

  it('crop takes the middle of the resized picture', async () => {
    const thirds = drawPixels(300, 100, (x) => (x < 100 ? [255, 0, 0] : x < 200 ? [0, 255, 0] : [0, 0, 255]));
    const geometry = { width: 50, height: 50, fit: 'crop', shortestEdge: 50, filter: 'bilinear' } as const;
    const { pixels, averageColour } = await decodeImage(await toSharp(thirds).png().toBuffer(), geometry);
    expect([pixels.width, pixels.height]).toEqual([50, 50]);
    expect(pixelAt(pixels, 25, 25)).toEqual([0, 255, 0]);
    expect(pixelAt(pixels, 2, 2)).toEqual([0, 255, 0]);
    expect(averageColour).toBe('#555555'); // of the whole picture
  });

  it('crop gives the same pixels as cropping an exactly resized picture', async () => {
    const geometry = { width: 40, height: 40, fit: 'crop', shortestEdge: 45, filter: 'bicubic' } as const;
    const { pixels } = await decodeImage(await toSharp(scene).png().toBuffer(), geometry);
    const resized = resamplePixels(scene, 67, 45, 'bicubic'); // 45 * 96 / 64 = 67.5, truncated
    expect(pixelAt(pixels, 0, 0)).toEqual(pixelAt(resized, 13, 2));
    expect(pixelAt(pixels, 39, 39)).toEqual(pixelAt(resized, 52, 41));
  });

  it('crop enlarges small pictures and looks at the middle of very long ones', async () => {
    const long = drawPixels(2, 400, (_x, y) => (y > 150 && y < 250 ? [0, 200, 0] : [200, 0, 0]));
    const geometry = { width: 32, height: 32, fit: 'crop', filter: 'bicubic' } as const;
    const decoded = await decodeImage(await toSharp(long).png().toBuffer(), geometry);
    expect(decoded).toMatchObject({ width: 2, height: 400 });
    expect(pixelAt(decoded.pixels, 16, 16)).toEqual([0, 200, 0]);
  });

  it.each(['jpeg', 'png'] as const)('reduces a large %s to nearly what exact resampling gives', async (format) => {
    const large = drawScene(800, 600, 3);
    const bytes = await toSharp(large).toFormat(format, { quality: 95 }).toBuffer();
    const { pixels } = await decodeImage(bytes, SQUARE_64);
    expect(meanDifference(pixels, resamplePixels(large, 64, 64, 'bicubic'))).toBeLessThan(1);
  });
});

describe('refusals', () => {
  const refusal = (bytes: Uint8Array, limits = DEFAULT_MEDIA_LIMITS) =>
    decodeImage(bytes, SQUARE_64, limits).then(
      () => 'was decoded',
      (error) => ({ code: error.code, message: error.message }),
    );

  it('refuses an empty file', async () => {
    expect(await refusal(new Uint8Array(0))).toEqual({ code: 'corrupt_input', message: 'the file is empty' });
  });

  it.each(['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const)('refuses a truncated %s', async (format) => {
    const bytes = await toSharp(drawScene(200, 150)).toFormat(format).toBuffer();
    for (const share of [0.3, 0.6, 0.9]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * share));
      expect(await refusal(cut)).toMatchObject({ code: 'corrupt_input' });
    }
  });

  it('refuses 20,000 x 20,000 pixels from the header alone', async () => {
    const header = (
      await sharp({ create: { width: 1, height: 1, channels: 3, background: '#000' } })
        .png()
        .toBuffer()
    ).subarray();
    const bomb = Buffer.from(header);
    bomb.writeUInt32BE(20_000, 16);
    bomb.writeUInt32BE(20_000, 20);
    bomb.writeInt32BE(crc32(bomb.subarray(12, 29)), 29);
    expect(await refusal(bomb)).toEqual({
      code: 'too_large',
      message:
        'the picture is 20,000 x 20,000 pixels (400 megapixels); at most 50 megapixels are read: make it smaller and store it again',
    });
  });

  it('refuses more bytes than the limit', async () => {
    const bytes = await toSharp(scene).png().toBuffer();
    expect(await refusal(bytes, { ...DEFAULT_MEDIA_LIMITS, imageBytes: 100 })).toMatchObject({ code: 'too_large' });
  });

  it('refuses formats that libvips could read but Chiasm does not', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    );
    expect(await refusal(svg)).toMatchObject({ code: 'unsupported_type' });
    expect(await refusal(Buffer.from('plainly not a picture'))).toMatchObject({ code: 'unsupported_type' });
  });
});

/** The checksum of a PNG chunk, as a signed integer. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
