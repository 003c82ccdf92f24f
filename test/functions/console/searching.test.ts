import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import {
  COLOURS,
  colourPicture,
  dropFiles,
  eventually,
  hasChromium,
  shownKeys,
  useConsole,
} from './console-harness.ts';

describe.skipIf(!hasChromium)('searching in the console', () => {
  const { open, takeFaults } = useConsole();
  const first = (page: Page, key: string) =>
    page.locator(`main .cell:first-child a.tile[data-key="${key}"]`).first().waitFor();

  it('shows the whole collection before anything is asked', async () => {
    const page = await open();
    await first(page, 'colours/black.png');
    const keys = await shownKeys(page);
    expect(keys.filter((key) => key.startsWith('colours/'))).toHaveLength(COLOURS.length);
    expect(keys).toContain('sounds/low.wav');
    await page.getByRole('button', { name: '11 items' }).waitFor();
  });

  it('searches while words are typed and puts them into the address', async () => {
    const page = await open();
    await page.locator('#words').pressSequentially('yellow');
    await first(page, 'colours/yellow.png');
    await page.waitForURL('**/?q=yellow');
    expect(await page.title()).toBe('yellow – Chiasm');
    await eventually(() => page.locator('#announcements').textContent()).toMatch(/^\d+ match(es)?(, \d+ just below)?$/);
  });

  it('draws a quiet line between what matches and what lies just below', async () => {
    const page = await open('/?q=yellow&in=image');
    await first(page, 'colours/yellow.png');
    const matching = await page.locator('ul[aria-label="What matches"] a.tile').count();
    const below = await page.locator('ul[aria-label="Nearest below the line"] a.tile').count();
    expect(matching + below).toBe(COLOURS.length);
    expect(matching).toBeGreaterThan(0);
    expect(await page.locator('.line').textContent()).toBe(`${below} more just below`);
  });

  it('says that a text has the words where its vector says that it is no match', async () => {
    const page = await open();
    await page.route('**/v1/search', async (route) => {
      const response = await route.fetch();
      const answer = await response.json();
      for (const result of answer.results) result.probability = 0.001;
      await route.fulfill({ response, json: answer });
    });
    await page.locator('#words').fill('harbour');
    const tile = page.getByRole('link', { name: 'harbour.txt, text, has the words' });
    await tile.waitFor();
    expect(await tile.locator('.probability').count()).toBe(0);
    await tile.click();
    await page.getByRole('dialog', { name: 'Item' }).getByText('Has the words').waitFor();
    expect(await page.getByText('under 1 %').count()).toBeGreaterThan(0); // of the others
  });

  it('says so when nothing matches, and shows the nearest all the same', async () => {
    const page = await open('/?q=white&in=image&line=1');
    await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
    await page.getByText('Nothing reaches 100 %. These come nearest.').waitFor();
    expect(await shownKeys(page)).toHaveLength(COLOURS.length);
  });

  it('never shows an older answer after a newer one, however late it comes', async () => {
    const page = await open();
    await first(page, 'colours/black.png');
    const answers: string[] = [];
    await page.route('**/v1/search', async (route) => {
      const slow = route.request().postData()?.includes('"blue"') ?? false;
      const response = await route.fetch();
      if (slow) await new Promise((resolve) => setTimeout(resolve, 900));
      answers.push(slow ? 'blue' : 'yellow');
      await route.fulfill({ response }).catch(() => {}); // the page has given up on the slow one
    });
    await page.locator('#words').fill('blue');
    await page.waitForRequest('**/v1/search');
    await page.locator('#words').fill('yellow');
    await first(page, 'colours/yellow.png');
    await eventually(() => answers).toEqual(['yellow', 'blue']);
    expect((await shownKeys(page))[0]).toBe('colours/yellow.png');
    expect(await page.locator('main').getAttribute('aria-busy')).toBe('false');
  });

  it('turns words into terms that are negated, weighted and taken back', async () => {
    const page = await open('/?in=image');
    await page.locator('#words').fill('red');
    await page.locator('#words').press('Enter');
    await page.locator('#words').fill('-crimson');
    await page.locator('#words').press('Enter');
    await page.waitForURL(/term=1%3Atext%3Ared&term=-1%3Atext%3Acrimson/);
    await eventually(() => shownKeys(page).then((keys) => keys.indexOf('colours/crimson.png'))).toBeGreaterThan(3);

    await page.getByRole('button', { name: 'Search away from crimson' }).click();
    await first(page, 'colours/red.png');
    await eventually(() => shownKeys(page).then((keys) => keys.slice(0, 2).sort())).toEqual([
      'colours/crimson.png',
      'colours/red.png',
    ]);
    expect(await page.getByRole('button', { name: 'Search away from crimson' }).getAttribute('aria-pressed')).toBe(
      'false',
    );

    await page.getByRole('button', { name: 'Weight of crimson: 1' }).click();
    await page.waitForURL(/term=2%3Atext%3Acrimson/);
    await page.getByRole('button', { name: 'Remove red' }).click();
    await page.locator('#words').press('Backspace');
    expect(await page.locator('#words').inputValue()).toBe('crimson');
    expect(await page.locator('.terms .chip').count()).toBe(0);
  });

  it('takes the minus that begins a negation for no search yet', async () => {
    const page = await open('/?in=image');
    await first(page, 'colours/black.png');
    await page.locator('#words').fill('-');
    await page.waitForTimeout(400); // longer than the pause after which a search would start
    expect(await page.locator('.message').count()).toBe(0);
    await page.locator('#words').fill('-red');
    await page.waitForResponse('**/v1/search');
    await eventually(() => shownKeys(page).then((keys) => keys.at(-1))).toBe('colours/red.png');
  });

  it('searches by a picture that is dropped on the box, and keeps it through a reload', async () => {
    const page = await open('/?in=image');
    const file = join(await temporaryFolder(), 'mine.png');
    await writeFile(file, await colourPicture('#0010f0'));
    await dropFiles(page, '#box', [file]);
    await first(page, 'colours/blue.png');
    expect(await page.locator('.terms .chip .name').textContent()).toBe('mine.png');
    await page.reload();
    await first(page, 'colours/blue.png');
    expect(await page.locator('.terms .chip .name').textContent()).toBe('mine.png');
  });

  it('searches by a pasted picture', async () => {
    const page = await open('/?in=image');
    await first(page, 'colours/black.png');
    const picture = Buffer.from(await colourPicture('yellow')).toString('base64');
    await page.evaluate(`{
      const bytes = Uint8Array.from(atob('${picture}'), (character) => character.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }`);
    await first(page, 'colours/yellow.png');
  });

  it('records a sound and searches by it', async () => {
    const page = await open('/', { permissions: ['microphone'] });
    await page.getByRole('button', { name: 'Search by a recorded sound' }).click();
    await page.getByRole('button', { name: 'Stop recording and search' }).waitFor();
    await page.waitForTimeout(400); // of the tone that Chromium's pretended microphone gives
    const [request] = await Promise.all([
      page.waitForRequest('**/v1/search'),
      page.getByRole('button', { name: 'Stop recording and search' }).click(),
    ]);
    const sent = request.postDataJSON() as { query: { audio: { data: string } }[] };
    expect(Buffer.from(sent.query[0]!.audio.data, 'base64').subarray(0, 4).toString()).toBe('RIFF');
    await first(page, await shownKeys(page).then((keys) => keys[0]!));
    expect(await page.locator('.message').count()).toBe(0);
  });

  it('finds more like an item that is dragged into the box', async () => {
    const page = await open('/?in=image');
    await page.locator('a.tile[data-key="colours/cyan.png"]').dragTo(page.locator('#box'));
    await first(page, 'colours/cyan.png');
    await page.waitForURL(/term=1%3Aitem%3Acolours%2Fcyan\.png/);
  });

  it('filters by kind, folder and attribute, and shows what is active', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Sounds' }).click();
    await eventually(() => shownKeys(page)).toEqual(['sounds/high.wav', 'sounds/low.wav']);
    await page.getByRole('button', { name: 'All' }).click();
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByLabel('Folder').fill('notes/');
    await page.getByLabel('Folder').press('Enter');
    await eventually(() => shownKeys(page)).toEqual(['notes/harbour.txt']);
    await page.getByRole('button', { name: 'Remove the filter in notes/' }).click();
    await eventually(() => shownKeys(page).then((keys) => keys.length)).toBe(11);
    await page.locator('#words').fill('red');
    await page.getByLabel('Name of the attribute').fill('album');
    await page.getByLabel('Comparison').selectOption('exists');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
  });

  it('plays a sound where it is, on hover and with the space bar', async () => {
    const page = await open('/?in=audio');
    const tile = page.locator('a.tile[data-key="sounds/high.wav"]');
    await tile.waitFor();
    await page.locator('#words').click(); // browsers let nothing play before the person has done something
    await tile.hover();
    await page.locator('a.tile.playing[data-key="sounds/high.wav"]').waitFor();
    await page.locator('#words').hover();
    await eventually(() => page.locator('a.tile.playing').count()).toBe(0);
    await page.locator('#words').press('ArrowDown');
    await page.keyboard.press(' ');
    await page.locator('a.tile.playing').waitFor();
  });

  it('restores a view from its address, and earlier ones with the back button', async () => {
    const page = await open('/?q=green&term=-1%3Atext%3Ared&in=image&line=0.25&item=colours%2Fgreen.png');
    await page.getByRole('dialog', { name: 'Item' }).getByRole('heading', { name: 'green.png' }).waitFor();
    expect(await page.locator('#words').inputValue()).toBe('green');
    expect(await page.locator('.terms .chip.negative .name').textContent()).toBe('red');
    await page.getByRole('button', { name: 'Remove the filter matches from 25 %' }).waitFor({ state: 'attached' });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Remove red' }).click();
    await page.waitForURL((url) => !url.searchParams.has('term'));
    await page.goBack();
    expect(await page.locator('.terms .chip.negative .name').textContent()).toBe('red');
  });

  it('tells what the server objected to', async () => {
    const page = await open();
    await page.route('**/v1/search', (route) =>
      route.fulfill({
        status: 422,
        contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'Unsupported', detail: 'the model has no tower for sound' }),
      }),
    );
    await page.locator('#words').fill('red');
    await page.getByText('the model has no tower for sound').waitFor();
    expect(takeFaults(page)).toEqual([expect.stringContaining('422')]); // Chromium itself notes every refused request
  });
});
