/** Teaching a classifier in the console: pick, train, look, use. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { colourPicture, eventually, hasChromium, useConsole } from './console-harness.ts';

const SHADES = ['10,10', '40,20', '20,50', '60,60'];

/** Four reds, four blues, and one of each to be asked about. */
async function fill(folder: string): Promise<void> {
  await mkdir(join(folder, 'c'));
  for (const [i, shade] of SHADES.entries()) {
    await writeFile(join(folder, 'c', `red ${i}.png`), await colourPicture(`rgb(${220 - 10 * i},${shade})`));
    await writeFile(join(folder, 'c', `blue ${i}.png`), await colourPicture(`rgb(${shade},${220 - 10 * i})`));
  }
  await writeFile(join(folder, 'c', 'unseen.png'), await colourPicture('rgb(30,15,230)'));
}

describe.skipIf(!hasChromium)('teaching in the console', () => {
  const { open } = useConsole(() => ({ fill }));

  it('makes a classifier of chosen items, shows how good it is, and asks it', async () => {
    const page = await open();
    page.setDefaultTimeout(60_000); // a training on a busy machine
    await page.locator('a.tile').first().waitFor();
    await page.getByRole('button', { name: 'Teach' }).click();
    const panel = page.getByRole('complementary', { name: 'Teach' });
    for (const colour of ['red', 'blue']) {
      await panel.getByRole('textbox', { name: 'New class' }).fill(colour);
      await page.keyboard.press('Enter');
      for (const i of SHADES.keys()) await page.locator(`a.tile[data-key="c/${colour} ${i}.png"]`).click();
      await panel.getByRole('button', { name: `${colour} · 4`, exact: true }).waitFor();
    }
    expect(new URL(page.url()).search).toBe(''); // no item was opened
    await panel.getByRole('textbox', { name: 'Name of the classifier' }).fill('colours');
    await panel.getByRole('button', { name: 'Train' }).click();
    await panel.getByRole('heading', { name: 'colours, version 1' }).waitFor();
    await panel.getByText(/^Right for \d+ % \(\d+ % to \d+ %\) of 8 items that it was not shown$/).waitFor();
    const counts = await panel.locator('table.confusion td:not(:empty)').allTextContents();
    expect(counts.map(Number).reduce((a, b) => a + b)).toBe(8);
    expect(await panel.locator('.loss-curve path.loss').getAttribute('d')).toMatch(/^M0.0 .*L/);

    await page.locator('a.tile[data-key="c/unseen.png"]').click();
    await eventually(() => panel.locator('.teach-answer').textContent()).toMatch(/^unseen.png: blue \d+ %, red/);
    await panel.getByRole('button', { name: 'Close' }).click();
    await page.locator('a.tile[data-key="c/unseen.png"]').click();
    await page.getByRole('dialog', { name: 'Item' }).waitFor(); // choosing opens again
  }, 180_000);
});
