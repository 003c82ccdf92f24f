/** A model in use, as the API tells it. */

import type { Encoder } from '#shared/encoders/encoder.ts';
import type { ModelFolder } from '#shared/models/model-folder.ts';
import type { ModelDescription } from './app-dependencies.ts';

export function describeModel({ name, card }: ModelFolder, encoder: Encoder, active = true): ModelDescription {
  return {
    name,
    space: encoder.space,
    modalities: [...encoder.modalities],
    active,
    ...(card && { licence: card.licence, description: card.summary }),
  };
}
