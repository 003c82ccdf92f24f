/** Pictures for tests, drawn by formula. */

import sharp, { type Sharp } from 'sharp';
import type { ImageGeometry, Pixels } from '#shared/media/image.ts';

export const SQUARE_64: ImageGeometry = { width: 64, height: 64, fit: 'squash', filter: 'bicubic' };

/** The picture itself, pixel by pixel. */
export function sameSize({ width, height }: { width: number; height: number }): ImageGeometry {
  return { width, height, fit: 'squash', filter: 'bicubic' };
}

export function drawPixels(width: number, height: number, colour: (x: number, y: number) => number[]): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(colour(x, y), (y * width + x) * 3);
  return { width, height, data };
}

/** Soft blobs and edges: something like a photograph. Different `seed`, different picture. */
export function drawScene(width: number, height: number, seed = 1): Pixels {
  const wave = (x: number, y: number, i: number) =>
    Math.sin((x / width) * (3 + ((seed * 7 + i * 5) % 6)) + i) *
    Math.cos((y / height) * (2 + ((seed * 5 + i * 3) % 7)) + seed);
  return drawPixels(width, height, (x, y) => {
    const inside = (x / width - 0.3 - (seed % 5) / 10) ** 2 + (y / height - 0.2 - (seed % 7) / 10) ** 2 < 0.04;
    return [0, 1, 2].map((i) => 128 + 90 * wave(x, y, i) * (inside ? -1 : 1));
  });
}

export function toSharp({ width, height, data }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

export function meanDifference(a: Pixels, b: Pixels): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;
}

export function pixelAt({ width, data }: Pixels, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}
