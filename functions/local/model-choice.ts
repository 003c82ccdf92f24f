/** What a user writes after `--model`: names or folders, each with the modalities that it is chosen for where they are named. */

import { resolve } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { MODALITIES, type Modality } from '#shared/core/modality.ts';
import { findModel } from '#shared/models/find-model.ts';

export interface ModelChoice {
  /** How it is found again at the next start. */
  readonly model: string;
  /** Absolute path of the model folder. */
  readonly folder: string;
  /** What it is searched for; undefined leaves it to the order of the models. */
  readonly modalities?: ReadonlySet<Modality>;
}

/** `siglip2-base,clap:audio`: the names between the commas. */
export function splitModels(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** @throws ChiasmError `not_found` with the models that there are, `invalid_request` for one that is named twice */
export async function chooseModels(names: readonly string[], dataFolder: string): Promise<readonly ModelChoice[]> {
  const choices = await Promise.all(names.map((name) => chooseModel(name, dataFolder)));
  const twice = choices.find(({ folder }, i) => choices.findIndex((other) => other.folder === folder) < i);
  if (twice !== undefined) throw new ChiasmError('invalid_request', `the model ${twice.model} is named twice`);
  return choices;
}

async function chooseModel(written: string, dataFolder: string): Promise<ModelChoice> {
  const [, name, list] = /^(.+?):([a-z]+(?:\+[a-z]+)*)$/.exec(written) ?? [undefined, written, undefined];
  const modalities = list?.split('+').map((modality) => {
    if ((MODALITIES as readonly string[]).includes(modality)) return modality as Modality;
    throw new ChiasmError(
      'invalid_request',
      `--model ${written}: expected ${MODALITIES.join(', ')} after the colon, joined by +, got ${modality}`,
    );
  });
  const folder = await findModel(name!, { dataFolder });
  const model = folder === resolve(name!) ? folder : name!;
  return { model, folder, ...(modalities && { modalities: new Set(modalities) }) };
}
