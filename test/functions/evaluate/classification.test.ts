import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { colourPicture } from '../api/api-fixture.ts';

const program = join(import.meta.dirname, '../../../functions/evaluate/main.ts');

const evaluate = (folder: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [program, 'classification', folder, '--json', ...args]);

describe('npm run evaluate -- classification', () => {
  it('takes each class for its phrases where --prompts has them', async () => {
    const folder = await temporaryFolder();
    for (const colour of ['red', 'blue']) {
      await mkdir(join(folder, colour));
      await writeFile(join(folder, colour, '1.png'), await colourPicture(colour));
    }
    const prompts = join(folder, 'prompts.json');
    await writeFile(prompts, JSON.stringify({ red: ['blue', 'plain blue'], blue: ['red', 'plain red'] }));
    const [byName, byPhrases] = await Promise.all([evaluate(folder), evaluate(folder, '--prompts', prompts)]);
    expect(JSON.parse(byName.stdout).accuracy.value).toBe(1);
    expect(JSON.parse(byPhrases.stdout).accuracy.value).toBe(0);
  }, 120_000);
});
