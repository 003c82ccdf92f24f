import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const RECIPE = fileURLToPath(new URL('../../shared/models/starter/recipe/train.py', import.meta.url));
const SMOKE_TIMEOUT_MS = 300_000;

/** The first Python that has what the recipe needs; Debian's own may lie behind another on the path. */
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import numpy, PIL, onnx, torch']).status === 0,
);
if (!python)
  process.stdout.write("the starter recipe's smoke run is left out: no Python with torch, onnx, numpy and PIL\n");

it.skipIf(!python)(
  'the recipe goes from pictures and sounds to three ONNX files',
  { timeout: SMOKE_TIMEOUT_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chiasm-recipe-'));
    try {
      const args = [RECIPE, '--smoke', '--threads', '1', '--device', 'cpu', '--out', folder];
      const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
      const run = spawnSync(python!, args, { encoding: 'utf8', env });
      expect(run.status, run.stderr).toBe(0);
      for (const name of ['text', 'vision', 'audio']) {
        expect((await stat(join(folder, 'onnx', `${name}_model.onnx`))).size).toBeGreaterThan(100_000);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

it.skipIf(!python)(
  'the recipe of the reader goes from drawn scenes to a model folder',
  { timeout: SMOKE_TIMEOUT_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chiasm-recipe-'));
    try {
      const recipe = fileURLToPath(new URL('../../shared/models/reader/recipe/train.py', import.meta.url));
      const args = [recipe, '--smoke', '--work', join(folder, 'work'), '--out', join(folder, 'reader')];
      const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
      const run = spawnSync(python!, args, { encoding: 'utf8', env });
      expect(run.status, run.stderr).toBe(0);
      expect((await stat(join(folder, 'reader', 'onnx', 'model.onnx'))).size).toBeGreaterThan(100_000);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
