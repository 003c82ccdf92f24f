/** A pulled model out of the folder of pulled models, with what a pull of it that was cut off has left beside it. */

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { listModels } from '../find-model.ts';
import { pullFiles, withPullLock } from './pull-model.ts';

/** @throws ChiasmError `not_found` when nothing of it is there, `conflict` while it is being pulled */
export async function removeModel(modelsFolder: string, name: string): Promise<void> {
  const here = await listModels(modelsFolder);
  const { staging, old } = pullFiles(modelsFolder, name);
  const isName = !/[\\/]|^\./.test(name);
  const begun = isName && (await stat(staging).catch(() => undefined)) !== undefined;
  if (!here.includes(name) && !begun) {
    const list = here.length > 0 ? `; there are ${here.join(', ')}` : '';
    throw new ChiasmError('not_found', `no model ${JSON.stringify(name)} was pulled into ${modelsFolder}${list}`);
  }
  await withPullLock(modelsFolder, name, async () => {
    for (const path of [join(modelsFolder, name), staging, old]) await rm(path, { recursive: true, force: true });
  });
}
