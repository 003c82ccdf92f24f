/** Models in use, as the API tells them. */

import type { Encoder } from '#shared/encoders/encoder.ts';
import type { ModelFacts } from '#shared/models/model-card.ts';
import type { ModelFolder } from '#shared/models/model-folder.ts';
import type { ModelDescription, ModelInUse } from './app-dependencies.ts';

export function describeModel({ name, card }: ModelFolder, encoder: Encoder, active = true): ModelDescription {
  return {
    ...describeModelInUse({ name, ...(card && { facts: card }) }),
    space: encoder.space,
    modalities: [...encoder.modalities],
    active,
  };
}

/** @param facts of its card; a model without one has only its name */
export function describeModelInUse({
  name,
  facts,
}: {
  readonly name: string;
  readonly facts?: ModelFacts;
}): ModelInUse {
  if (facts === undefined) return { name };
  const { licence, summary: description, metrics } = facts;
  return {
    name,
    licence,
    description,
    metrics: metrics.map(({ name: metric, value, low, high, n }) => ({
      name: metric,
      value,
      ...(low != null && high != null && { low, high }),
      ...(n != null && { n }),
    })),
  };
}
