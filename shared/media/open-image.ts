/**
 * The only file that configures sharp. A picture's header is read and checked here before anything is decoded.
 * libvips works on libuv's threads, one thread a picture: pictures are decoded many at once, and the cores belong to
 * ONNX Runtime. Its cache is off, because no two pictures are the same and it would hold on to memory.
 */

import sharp, { type Sharp } from 'sharp';
import { ChiasmError } from '#shared/core/errors.ts';
import { detectMediaType } from './detect-media-type.ts';
import type { MediaLimits } from './limits.ts';

sharp.cache(false);
sharp.concurrency(1);

export interface OpenImage {
  /** Decodes upright, in sRGB, alpha on white; the caller adds the size and the output. */
  readonly pipeline: Sharp;
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * Reads the header of a picture. libvips is only given what Chiasm knows: it also reads SVG, which may refer to other files.
 * @throws ChiasmError `too_large`, `unsupported_type` or `corrupt_input`, with a reason for the user
 */
export async function openImage(bytes: Uint8Array, limits: MediaLimits): Promise<OpenImage> {
  requirePicture(bytes, limits);
  // Limits are checked below, with a better message than sharp's.
  const image = readImage(bytes, false);
  const header = await image.metadata().catch((error: unknown) => {
    throw imageError(error, limits);
  });
  const { width, height } = header.autoOrient;
  if (width * height > limits.imagePixels) {
    throw new ChiasmError(
      'too_large',
      `the picture is ${count(width)} x ${count(height)} pixels (${count((width * height) / 1e6)} megapixels); ` +
        `at most ${count(limits.imagePixels / 1e6)} megapixels are read: make it smaller and store it again`,
    );
  }
  return { pipeline: upright(image, limits), width, height };
}

/**
 * The pixels of a picture of at most `maxPixels`, upright, in sRGB, alpha on white, [H, W, channels] with one or three
 * channels; undefined for a larger one. Without asking for the size first a small picture takes a tenth less time.
 * @throws ChiasmError as `openImage`
 */
export async function readSmallImage(bytes: Uint8Array, maxPixels: number, limits: MediaLimits) {
  requirePicture(bytes, limits);
  try {
    return await upright(readImage(bytes, maxPixels), limits).raw(RAW).toBuffer({ resolveWithObject: true });
  } catch (error) {
    if (error instanceof Error && /exceeds pixel limit/.test(error.message)) return undefined;
    throw imageError(error, limits);
  }
}

export const RAW = { depth: 'uchar' } as const;

function requirePicture(bytes: Uint8Array, limits: MediaLimits): void {
  const type = detectMediaType(bytes);
  if (type.modality !== 'image')
    throw new ChiasmError('unsupported_type', `expected a picture; this is ${type.modality}`);
  if (bytes.length > limits.imageBytes) {
    throw new ChiasmError(
      'too_large',
      `the picture has ${megabytes(bytes.length)} MB; at most ${megabytes(limits.imageBytes)} MB are read`,
    );
  }
}

/** 'error' also refuses truncated files, and still reads photographs at which libjpeg only frowns (stray bytes between markers). */
function readImage(bytes: Uint8Array, limitInputPixels: number | false): Sharp {
  return sharp(bytes, { failOn: 'error', limitInputPixels, sequentialRead: true });
}

function upright(image: Sharp, limits: MediaLimits): Sharp {
  return image
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .timeout({ seconds: limits.imageSeconds });
}

/** What sharp threw, as a reason for the user. */
export function imageError(error: unknown, limits: MediaLimits): ChiasmError {
  if (error instanceof ChiasmError) return error;
  const detail = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim();
  if (/timeout/i.test(detail)) {
    return new ChiasmError('too_large', `decoding the picture took more than ${limits.imageSeconds} seconds`, {
      cause: error,
    });
  }
  return new ChiasmError('corrupt_input', `the picture is damaged or incomplete and cannot be decoded (${detail})`, {
    cause: error,
  });
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

function megabytes(bytes: number): string {
  return count(bytes / 1e6);
}
