/** The wanted models, opened, and what is searched in which of their spaces. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { RecordedSpace } from '#shared/spaces/space-record.ts';
import { assignModalities } from '#shared/spaces/space-set.ts';
import type { ModelChoice } from './model-choice.ts';
import type { SpaceLine } from './space-line.ts';

/** @throws ChiasmError `invalid_request` for a choice that no model can meet, or a model that is left without a modality */
export async function openModels(
  choices: readonly ModelChoice[],
  openLine: (folder: string) => Promise<SpaceLine>,
): Promise<readonly RecordedSpace[]> {
  const opened: SpaceLine[] = [];
  for (const { folder } of choices) opened.push(await openLine(folder));
  const embedded = opened.map(({ encoder }) => encoder.modalities);
  choices.forEach(({ model, modalities }, i) => {
    const foreign = [...(modalities ?? [])].find((modality) => !embedded[i]!.has(modality));
    if (foreign === undefined) return;
    const able = [...embedded[i]!].join(', ');
    throw new ChiasmError('invalid_request', `the model ${model} does not embed ${foreign}; it embeds ${able}`);
  });
  const assigned = assignModalities(
    embedded,
    choices.map(({ modalities }) => modalities),
  );
  return opened.map(({ encoder: { space } }, i) => {
    const { model } = choices[i]!;
    const modalities = [...assigned[i]!];
    if (modalities.length === 0) {
      throw new ChiasmError(
        'invalid_request',
        `nothing is left for the model ${model}: the models before it embed the same; choose by hand, like ${model}:image`,
      );
    }
    return { id: space.id, dimensions: space.dimensions, model, modalities };
  });
}
