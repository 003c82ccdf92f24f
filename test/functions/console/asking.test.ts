import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { makeWhisper } from '../../models/make-whisper.ts';
import { DEEP_HZ, MIDDLE_HZ, toneFile } from '../../speech/tones.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { eventually, hasChromium, useConsole, writeCollection } from './console-harness.ts';

describe.skipIf(!hasChromium)('asking in the console', () => {
  const { open } = useConsole(async () => ({
    speechFolder: await makeWhisper(join(await temporaryFolder(), 'whisper')),
    fill: async (folder) => {
      await writeCollection(folder);
      await writeFile(join(folder, 'sounds', 'meeting.wav'), toneFile([DEEP_HZ, 2], [MIDDLE_HZ, 2]));
    },
  }));
  const panelOf = (page: Page) => page.getByRole('region', { name: 'Answer' });
  const evidenceOf = (page: Page) =>
    panelOf(page)
      .locator('a.tile')
      .evaluateAll((tiles) => tiles.map((tile) => tile.getAttribute('data-key')));

  it('answers about a picture, then what follows on it', async () => {
    const page = await open('/?item=colours%2Fred.png');
    const box = page.getByRole('dialog', { name: 'Item' }).getByRole('region', { name: 'Questions' });
    await box.getByRole('textbox', { name: 'Ask about this picture' }).fill('what colour is the car?');
    await page.keyboard.press('Enter');
    await eventually(() => box.locator('.said').allTextContents()).toEqual(['red']);
    await box.getByText(/^Confidence \d+ %$/).waitFor();
    const [request] = await Promise.all([
      page.waitForRequest('**/v1/answer'),
      box
        .getByRole('textbox')
        .fill('and is it a dog?')
        .then(() => page.keyboard.press('Enter')),
    ]);
    expect(request.postDataJSON()).toMatchObject({
      image: { item: 'colours/red.png' },
      history: [{ question: 'what colour is the car?', answer: 'red' }],
    });
    await eventually(() => box.locator('.said').allTextContents()).toEqual(['red', 'yes']);
    await box.getByText('Understood as “is the car a dog?”').waitFor();
  });

  it('says that it does not know, with its best guesses', async () => {
    const page = await open('/?item=colours%2Fyellow.png');
    const box = page.getByRole('region', { name: 'Questions' });
    await box.getByRole('textbox').fill('what colour is it?');
    await box.getByRole('button', { name: 'Ask' }).click();
    await eventually(() => box.locator('.said').textContent()).toBe("I don't know");
    expect(await box.getByRole('list', { name: 'Best guesses' }).getByRole('listitem').count()).toBeGreaterThan(1);
    await page.getByRole('button', { name: 'Close' }).click();
  });

  it('answers over the collection when the words end with a question mark, and shows what it rests on', async () => {
    const page = await open('/', { colorScheme: 'dark', viewport: { width: 390, height: 800 } });
    await page.locator('#words').pressSequentially('how many pictures show blue');
    expect(await panelOf(page).count()).toBe(0);
    await page.locator('#words').press('?');
    await panelOf(page).getByText('Counted: about 2 for “blue”; 2 matches at least 50 % likely.').waitFor();
    expect(await panelOf(page).locator('.said').textContent()).toBe('2');
    expect(await evidenceOf(page)).toEqual(['colours/blue.png', 'colours/cyan.png']); // near each other in the tiny space
    await page.locator('#words').press('Enter');
    expect(await page.locator('#words').inputValue()).toBe('how many pictures show blue?'); // it became no term
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await panelOf(page).locator('a.tile').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Item' }).getByRole('heading', { name: 'blue.png' }).waitFor();
    await page.keyboard.press('Escape');
    await eventually(() => page.locator('dialog[open]').count()).toBe(0);
    await page.locator('#words').press('End');
    await page.keyboard.press('Backspace');
    await eventually(() => panelOf(page).count()).toBe(0);
  });

  it('searches for what a question is about, not for its other words', async () => {
    const page = await open();
    const searched = page.waitForRequest((sent) => (sent.postData() ?? '').includes('"text":"blue"'));
    await page.locator('#words').fill('how many pictures show blue?');
    expect((await searched).postDataJSON()).toMatchObject({ query: [{ text: 'blue', weight: 1 }] });
    await eventually(() => page.locator('main a.tile').first().getAttribute('data-key')).toBe('colours/blue.png');
  });

  it('quotes a text, with the passage as evidence', async () => {
    const page = await open('/?q=when+do+the+boats+leave+the+harbour%3F');
    await eventually(() => evidenceOf(page)).toContain('notes/harbour.txt');
    await panelOf(page).getByText('The harbour is dark.').first().waitFor();
    await panelOf(page)
      .getByText(/^Read in \d+ items? found for “boats leave harbour”\.$/)
      .waitFor();
  });

  it('shows what is said in a sound, and plays it from there', async () => {
    const page = await open('/?item=sounds%2Fmeeting.wav');
    const said = page.getByRole('list', { name: 'What is said' }).getByRole('listitem');
    await eventually(() => said.allTextContents()).toEqual(['0:00it is red', '0:02it is green']);
    await page.getByRole('button', { name: 'Play from 0:02' }).click();
    await eventually(() => page.getByRole('slider', { name: 'Position' }).getAttribute('aria-valuetext')).toMatch(
      /0:0[2-4]/,
    );
  });

  it('never shows an older answer after a newer question, however late it comes', async () => {
    const page = await open('/');
    const answers: string[] = [];
    await page.route('**/v1/answer', async (route) => {
      const slow = route.request().postData()?.includes('blue') ?? false;
      const response = await route.fetch();
      if (slow) await new Promise((resolve) => setTimeout(resolve, 900));
      answers.push(slow ? 'blue' : 'green');
      await route.fulfill({ response }).catch(() => {}); // the page has given up on the slow one
    });
    await page.locator('#words').fill('do I have any pictures of blue?');
    await page.waitForRequest('**/v1/answer');
    await page.locator('#words').fill('do I have any pictures of green?');
    await eventually(() => answers).toEqual(['green', 'blue']);
    await eventually(() => evidenceOf(page)).toEqual(['colours/green.png']);
    await eventually(() => page.locator('#announcements').textContent()).toMatch(
      /^(Answer: yes, confidence|\d+ match)/,
    );
  });
});
