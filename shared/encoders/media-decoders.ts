/** Requests' pictures and sounds through `shared/media`, with its limits. */

import { ChiasmError } from '#shared/core/errors.ts';
import { decodeAudio } from '#shared/media/decode-audio.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import { detectMediaType } from '#shared/media/detect-media-type.ts';
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from '#shared/media/limits.ts';
import type { ContentDecoders } from './embed-content.ts';

export function createMediaDecoders(limits: MediaLimits = DEFAULT_MEDIA_LIMITS): ContentDecoders {
  return {
    image: async (bytes, geometry) => (await decodeImage(bytes, geometry, limits)).pixels,
    audio: async (bytes, sampleRateHz) => {
      const type = detectMediaType(bytes);
      if (type.modality !== 'audio') {
        throw new ChiasmError('unsupported_type', `expected a sound, got ${type.contentType}`);
      }
      return (await decodeAudio(bytes, type.format, { sampleRateHz, limits })).samples;
    },
  };
}
