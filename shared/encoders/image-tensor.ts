/** Pixels to the tensor that a picture tower takes. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Pixels } from '#shared/media/image.ts';
import type { ImagePreprocessing } from '#shared/models/image-preprocessing.ts';
import type { Tensor } from '#shared/runtime/session.ts';

/**
 * tensor[b, c, y, x] = (byte x rescaleFactor - mean[c]) / std[c], as [B, 3, H, W]. A byte has 256 values, so the
 * arithmetic is done once for each channel, in double precision, and looked up.
 */
export function createImageTensor(preprocessing: ImagePreprocessing): (images: readonly Pixels[]) => Tensor {
  const { geometry, rescaleFactor, mean, std } = preprocessing;
  const { width, height } = geometry;
  const [red, green, blue] = [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte * rescaleFactor - mean[channel]!) / std[channel]!),
  ) as [Float32Array, Float32Array, Float32Array];
  const plane = width * height;

  return (images) => {
    const data = new Float32Array(images.length * 3 * plane);
    images.forEach((image, b) => {
      requireGeometry(image, width, height);
      const bytes = image.data;
      const start = b * 3 * plane;
      for (let i = 0, p = 0; i < plane; i++, p += 3) {
        data[start + i] = red[bytes[p]!]!;
        data[start + plane + i] = green[bytes[p + 1]!]!;
        data[start + 2 * plane + i] = blue[bytes[p + 2]!]!;
      }
    });
    return { type: 'float32', shape: [images.length, 3, height, width], data };
  };
}

function requireGeometry(image: Pixels, width: number, height: number): void {
  if (image.width === width && image.height === height && image.data.length === width * height * 3) return;
  throw new ChiasmError(
    'invalid_request',
    `expected ${width} x ${height} RGB pixels; got ${image.width} x ${image.height} in ${image.data.length} bytes`,
  );
}
