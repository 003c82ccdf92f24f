/** Small WebP copies of pictures for lists and previews. They carry no metadata: a photograph's EXIF says where it was taken. */

import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from './limits.ts';
import { imageError, openImage } from './open-image.ts';

const QUALITY = 78; // visually close at a third of the size of quality 90
const MAX_HEIGHT_PER_WIDTH = 4; // a scroll 20,000 pixels long is no thumbnail

/**
 * A WebP no wider than `widthPixels`, upright, in sRGB, alpha on white; a smaller picture keeps its size.
 * @throws ChiasmError `too_large`, `unsupported_type` or `corrupt_input`, with a reason for the user
 */
export async function createThumbnail(
  bytes: Uint8Array,
  widthPixels: number,
  limits: MediaLimits = DEFAULT_MEDIA_LIMITS,
): Promise<Uint8Array> {
  const { pipeline } = await openImage(bytes, limits);
  try {
    return await pipeline
      .resize(widthPixels, widthPixels * MAX_HEIGHT_PER_WIDTH, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: QUALITY })
      .toBuffer();
  } catch (error) {
    throw imageError(error, limits);
  }
}
