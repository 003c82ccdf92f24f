import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { eventually, hasChromium, shownKeys, useConsole } from './console-harness.ts';

describe.skipIf(!hasChromium)('the console for everybody', () => {
  const { open: visit } = useConsole();
  const open: typeof visit = async (...where) => {
    const page = await visit(...where);
    await page.locator('main a.tile').first().waitFor();
    return page;
  };
  const focusedKey = (page: Page) => page.evaluate<string | null>("document.activeElement?.getAttribute('data-key')");
  const focusedId = (page: Page) => page.evaluate<string | null>('document.activeElement?.id');

  it('is walked through with the keyboard alone', async () => {
    const page = await open('/?q=red&in=image');
    const keys = await shownKeys(page);
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('/');
    expect(await focusedId(page)).toBe('words');
    await page.keyboard.press('ArrowDown');
    expect(await focusedKey(page)).toBe(keys[0]);
    await page.keyboard.press('ArrowRight');
    expect(await focusedKey(page)).toBe(keys[1]);
    await page.keyboard.press('End');
    expect(await focusedKey(page)).toBe(keys.at(-1));
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    const below = await focusedKey(page);
    expect(keys.indexOf(below!)).toBeGreaterThan(1);
    await page.keyboard.press('ArrowUp');
    expect(await focusedKey(page)).toBe(keys[0]);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Item' }).waitFor();
    await page.keyboard.press('Escape');
    await eventually(() => page.locator('dialog[open]').count()).toBe(0);
    await eventually(() => focusedKey(page)).toBe(keys[0]); // back where it was
    await page.keyboard.press('ArrowUp');
    expect(await focusedId(page)).toBe('words');
  });

  it('is one stop of the Tab key, however many results there are', async () => {
    const page = await open();
    expect(await page.locator('main a.tile[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.locator('main a.tile').nth(3).focus();
    expect(await page.locator('main a.tile[tabindex="0"]').count()).toBe(1);
  });

  it('opens the help with the question mark, though not in the box', async () => {
    const page = await open();
    await page.locator('#words').press('?');
    expect(await page.locator('dialog[open]').count()).toBe(0);
    await page.locator('#words').fill('');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Help' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('dialog[open]').count()).toBe(0);
  });

  it('gives everything that can be used a name, and every id only once', async () => {
    const page = await open('/?q=red&term=-1:text:blue&under=colours/');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    const unnamed = (root: string) =>
      page
        .locator(root)
        .locator('a, button, input, select, progress, dialog[open], nav, section, [role=slider]')
        .evaluateAll((elements) =>
          elements
            .filter((element) => {
              const { labels } = element as unknown as { labels?: ArrayLike<{ textContent: string }> };
              return !(
                element.getAttribute('aria-label') ||
                element.textContent?.trim() ||
                labels?.[0]?.textContent.trim()
              );
            })
            .map((element) => element.outerHTML),
        );
    expect(await unnamed('body')).toEqual([]);
    await page.locator('a.tile[data-key="colours/red.png"]').first().click();
    await page.locator('.similar a.tile').first().waitFor();
    expect(await unnamed('dialog.item')).toEqual([]);
    expect(await page.locator('.stage img').getAttribute('alt')).toBe('red.png');
    const ids = await page
      .locator('[id]')
      .evaluateAll((elements) => elements.map((element) => element.getAttribute('id')));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('tells screen readers of landmarks, of tiles and of what was found', async () => {
    const page = await open('/?q=red');
    const outline = await page.locator('body').ariaSnapshot();
    for (const landmark of ['- banner', '- search', '- main', '- navigation "Filters"', '- list "What matches"']) {
      expect(outline).toContain(landmark);
    }
    expect(outline).toMatch(/link "red\.png, picture, match \d+ %"/);
    await eventually(() => page.locator('[role=status][aria-live=polite]').first().textContent()).toMatch(/match/);
  });

  it('keeps enough contrast of text in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('/?q=red', { colorScheme });
      const pairs = await page.evaluate<[string, [number, number, number], [number, number, number]][]>(`
        ['.kind[aria-pressed=false]', '.kind[aria-pressed=true]', '.status-button', '.line', '#words', '.button.add', '.tile.audio .name', '.tile .quiet']
          .map((selector) => document.querySelector(selector))
          .filter(Boolean)
          .map((element) => {
            const opaque = (from) => {
              for (let at = from; at; at = at.parentElement) {
                const colour = getComputedStyle(at).backgroundColor;
                if (!/, 0\\)|transparent/.test(colour) && !colour.includes('/')) return colour;
              }
              return getComputedStyle(document.documentElement).backgroundColor;
            };
            const rgb = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
            return [element.className || element.id, rgb(getComputedStyle(element).color), rgb(opaque(element))];
          })`);
      expect(pairs.length).toBeGreaterThan(5);
      for (const [name, text, ground] of pairs) expect([name, contrast(text, ground) >= 4.5]).toEqual([name, true]);
    }
  });

  it('follows the wish for dark, and for less motion', async () => {
    const page = await open('/', { colorScheme: 'dark', reducedMotion: 'reduce' });
    const ground = await page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    expect(Math.max(...ground.match(/\d+/g)!.map(Number))).toBeLessThan(40);
    expect(await page.evaluate('getComputedStyle(document.documentElement).getPropertyValue("--slow")')).toBe('0ms');
  });

  it('fits a phone without scrolling sideways, and is large enough for fingers', async () => {
    const page = await open('/?q=red&term=-1:text:blue', {
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    for (const name of ['Search by a picture or a sound', 'Filter', 'Add files to the collection']) {
      const box = (await page.getByRole('button', { name, exact: true }).boundingBox())!;
      expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(32);
    }
    await page.locator('main a.tile').first().tap();
    await page.getByRole('dialog', { name: 'Item' }).getByRole('button', { name: 'More like this' }).waitFor();
    const overflow = await page.locator('dialog.item').evaluate((dialog) => dialog.scrollWidth - dialog.clientWidth);
    expect(overflow).toBe(0);
  });

  it('keeps aspect ratios in rows of equal heights that fill the width', async () => {
    const page = await open('/?in=image', { viewport: { width: 900, height: 700 } });
    const boxes = await page
      .locator('main .cell')
      .evaluateAll((cells) =>
        cells
          .map((cell) => cell.getBoundingClientRect())
          .map(({ top, right, width, height }) => ({ top, right, ratio: width / height, height })),
      );
    expect(boxes.every(({ ratio }) => Math.abs(ratio - 1.5) < 0.02)).toBe(true);
    const rows = Map.groupBy(boxes, ({ top }) => Math.round(top));
    expect(rows.size).toBeGreaterThan(1);
    for (const row of [...rows.values()].slice(0, -1)) {
      expect(new Set(row.map(({ height }) => Math.round(height))).size).toBe(1);
      expect(Math.max(...row.map(({ right }) => right))).toBeCloseTo(900 - 24, 0);
    }
  });
});

type Colour = readonly [number, number, number];

/** WCAG 2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances, the lighter one first. */
function contrast(a: Colour, b: Colour): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: Colour): number {
  const [r, g, b] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
