/** Photographs enlarged to the size that cameras make, with grain, so that they take as many bytes as those of cameras. */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const GRAIN_DEVIATION = 10;
const QUALITY = 90;

/** Writes `count` JPEGs of 4:3 into `target`. @returns their mean size in bytes */
export async function enlargePictures(
  folder: string,
  target: string,
  count: number,
  megapixels: number,
): Promise<number> {
  await mkdir(target, { recursive: true });
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const height = Math.round((width * 3) / 4);
  const noise = { type: 'gaussian' as const, mean: 128, sigma: GRAIN_DEVIATION };
  const grain = await sharp({ create: { width, height, channels: 3, background: '#808080', noise } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const files = (await readdir(folder)).filter((file) => /\.jpe?g$/i.test(file)).slice(0, count);
  let bytes = 0;
  for (const file of files) {
    const { size } = await sharp(join(folder, file))
      .resize(width, height, { fit: 'cover' })
      .composite([{ input: grain, blend: 'soft-light' }])
      .jpeg({ quality: QUALITY })
      .toFile(join(target, file));
    bytes += size;
  }
  return bytes / files.length;
}
