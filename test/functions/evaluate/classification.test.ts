import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../store/temporary-folder.ts';

const program = join(import.meta.dirname, '../../../functions/evaluate/main.ts');

const evaluate = (folder: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [program, 'classification', folder, '--json', ...args]);

/** A folder for each class, a plain picture in each, and a file of prompts beside them. */
async function colours(prompts: unknown): Promise<{ folder: string; prompts: string }> {
  const folder = await temporaryFolder();
  for (const colour of ['red', 'blue']) {
    await mkdir(join(folder, 'colours', colour), { recursive: true });
    const plain = sharp({ create: { width: 64, height: 64, channels: 3, background: colour } });
    await plain.png().toFile(join(folder, 'colours', colour, '1.png'));
  }
  await writeFile(join(folder, 'prompts.json'), JSON.stringify(prompts));
  return { folder: join(folder, 'colours'), prompts: join(folder, 'prompts.json') };
}

describe('npm run evaluate -- classification', () => {
  it('takes a class for its phrases where --prompts names some', async () => {
    const { folder, prompts } = await colours({ red: ['blue', 'plain blue'], blue: ['red', 'plain red'] });
    const [byName, byPhrases] = await Promise.all([evaluate(folder), evaluate(folder, '--prompts', prompts)]);
    expect(JSON.parse(byName.stdout).accuracy.value).toBe(1);
    expect(JSON.parse(byPhrases.stdout).accuracy.value).toBe(0);
  }, 120_000);

  it('refuses phrases for a class that the data set does not have', async () => {
    const { folder, prompts } = await colours({ green: ['plain green'] });
    await expect(evaluate(folder, '--prompts', prompts)).rejects.toThrow(
      /expected phrases for the classes of the data set \(blue, red\), got some for "green"/,
    );
  }, 120_000);
});
