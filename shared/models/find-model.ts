/** From what a user writes after `--model` to a model folder: a bundled model, one that was pulled, or a folder. */

import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChiasmError } from '#shared/core/errors.ts';

/** Models that come with Chiasm, by name. */
export const BUNDLED: Readonly<Record<string, string>> = {
  starter: fileURLToPath(new URL('./starter', import.meta.url)),
  reader: fileURLToPath(new URL('./reader', import.meta.url)),
};

export interface FindModelOptions {
  /** Chiasm's data folder; pulled models are in `models/` in it. */
  readonly dataFolder: string;
  /** Folder that relative paths start from. @default the current one */
  readonly from?: string;
}

/** Where pulled models are in a data folder. */
export const modelsFolder = (dataFolder: string): string => join(dataFolder, 'models');

/** The folder of the model `wanted`, absolute. @throws ChiasmError `not_found` with what there is */
export async function findModel(wanted: string, options: FindModelOptions): Promise<string> {
  const bundled = Object.hasOwn(BUNDLED, wanted) ? BUNDLED[wanted] : undefined;
  if (bundled !== undefined) return bundled;
  const pulled = modelsFolder(options.dataFolder);
  if (!looksLikePath(wanted) && (await isModelFolder(join(pulled, wanted)))) return resolve(pulled, wanted);
  const folder = resolve(options.from ?? '.', wanted.replace(/^~(?=\/|$)/, homedir()));
  if (await isModelFolder(folder)) return folder;

  const names = [...Object.keys(BUNDLED), ...(await listModels(pulled))];
  const tried = looksLikePath(wanted)
    ? `${folder} has no config.json`
    : `neither ${join(pulled, wanted)} nor ${folder} has a config.json`;
  throw new ChiasmError(
    'not_found',
    `there is no model ${JSON.stringify(wanted)}: ${tried}. Models that are here: ${names.join(', ')}. ` +
      'Pull one with "npm run models -- pull NAME", or give the path of a folder',
  );
}

const looksLikePath = (wanted: string): boolean =>
  isAbsolute(wanted) || /^[.~]/.test(wanted) || wanted.includes('/') || wanted.includes(sep);

async function isModelFolder(folder: string): Promise<boolean> {
  const stats = await stat(join(folder, 'config.json')).catch(() => undefined);
  return stats?.isFile() ?? false;
}

/** Names of the models in a folder of pulled ones. What is being pulled does not count. */
export async function listModels(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(names.map((name) => isModelFolder(join(folder, name))));
  return names.filter((name, i) => found[i] && !name.startsWith('.')).sort();
}
