/**
 * Places the model that an image carries: `node infra/images/place-model.ts NAME FOLDER`. The bundled one is copied, another is
 * pulled by its pinned revision, and every file's digest is checked.
 */

import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { BUNDLED, findModel } from '#shared/models/find-model.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const [name, folder] = process.argv.slice(2);
if (name === undefined || folder === undefined) throw new Error('usage: node infra/images/place-model.ts NAME FOLDER');
const dataFolder = await mkdtemp(join(tmpdir(), 'chiasm-model-'));
try {
  if (!Object.hasOwn(BUNDLED, name)) {
    const pull = ['functions/models/main.ts', 'pull', name, '--data', dataFolder];
    await promisify(execFile)(process.execPath, pull, { cwd: ROOT });
  }
  const recipe = join(await findModel(name, { dataFolder }), 'recipe');
  const model = resolve(recipe, '..');
  await cp(model, folder, { recursive: true, dereference: true, filter: (source) => source !== recipe });
} finally {
  await rm(dataFolder, { recursive: true, force: true });
}
console.log(`placed ${name} in ${folder}`);
