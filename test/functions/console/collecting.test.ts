import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import {
  colourPicture,
  dropFiles,
  eventually,
  hasChromium,
  shownKeys,
  startSystem,
  useChromium,
  writeCollection,
} from './console-harness.ts';

describe.skipIf(!hasChromium)('keeping a collection in the console', () => {
  const systems: Awaited<ReturnType<typeof startSystem>>[] = [];
  const start = async (...options: Parameters<typeof startSystem>) => {
    const system = await startSystem(...options);
    systems.push(system);
    return system;
  };

  // hooks run last to first: the pages are closed before the systems that they talk to
  afterEach(async () => {
    await Promise.all(systems.splice(0).map((system) => system.close()));
  });
  // Chromium notes each 404: asking whether a name is taken is answered so.
  const { open, browser, takeFaults } = useChromium((fault) => fault.includes('404'));

  it('invites to drop files where there are none, and shows them as soon as they are indexed', async () => {
    const { address } = await start({ fill: async () => {} });
    const page = await open(address);
    await page.getByRole('heading', { name: 'Drop pictures, sounds or texts anywhere' }).waitFor();
    const folder = join(await temporaryFolder(), 'holiday');
    await mkdir(join(folder, 'day one'), { recursive: true });
    await writeFile(join(folder, 'red 100%.png'), await colourPicture('red'));
    await writeFile(join(folder, 'day one', 'blue.png'), await colourPicture('blue'));
    await writeFile(join(folder, '.DS_Store'), 'rubbish');
    await dropFiles(page, 'main', [folder]);
    await page.getByText('2 files uploaded').waitFor();
    await eventually(() => shownKeys(page)).toEqual(['holiday/day one/blue.png', 'holiday/red 100%.png']);
    await page.locator('#words').fill('blue');
    await eventually(() => shownKeys(page).then(([key]) => key)).toBe('holiday/day one/blue.png');
  });

  it('shows the progress of each file and of all', async () => {
    const { address } = await start({ fill: async () => {} });
    const page = await open(address);
    const folder = await temporaryFolder();
    const large = join(folder, 'large.txt');
    await writeFile(large, 'All work and no play. '.repeat(20_000));
    await writeFile(join(folder, 'small.txt'), 'Small.');
    const devTools = await page.context().newCDPSession(page);
    await devTools.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: 300_000,
    });
    await dropFiles(page, 'main', [large, join(folder, 'small.txt')]);
    const whole = page.getByRole('progressbar', { name: 'All uploads' });
    const own = page.getByRole('progressbar', { name: 'large.txt' });
    const between = async (bar: typeof whole) => {
      const value = Number(await bar.getAttribute('value', { timeout: 500 }).catch(() => undefined));
      return value > 0 && value < 1;
    };
    await eventually(async () => (await between(own)) && (await between(whole)), { interval: 20 }).toBe(true);
    await page.getByText(/^Uploading [01] of 2 files$/).waitFor();
    await devTools.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
    await page.getByText('2 files uploaded').waitFor();
    expect(await whole.getAttribute('value')).toBe('1');
    await page.getByRole('region', { name: 'Uploads' }).getByRole('button', { name: 'Close' }).click();
    await page.locator('.uploads').waitFor({ state: 'hidden' });
  });

  it('overwrites nothing unasked', async () => {
    const { address, idle } = await start();
    const page = await open(`${address}/?under=colours/`);
    const folder = join(await temporaryFolder(), 'colours');
    await mkdir(folder);
    await writeFile(join(folder, 'red.png'), await colourPicture('yellow', 64, 64));
    await dropFiles(page, 'main', [folder]);
    await page.getByText('One name is already in the collection.').waitFor();
    await page.getByRole('button', { name: 'Keep both' }).click();
    await page.getByText('1 file uploaded').waitFor();
    await idle();
    await eventually(() => shownKeys(page)).toContain('colours/red (2).png');
    const kept = await (await fetch(`${address}/v1/items/colours/red.png`)).json();
    expect(kept).toMatchObject({ preview: { width: 240 } });
  });

  it('names the reason when an upload fails, and tries again when asked', async () => {
    const { address } = await start({ fill: async () => {} });
    const page = await open(address);
    const file = join(await temporaryFolder(), 'note.txt');
    await writeFile(file, 'A note.');
    await page.route('**/v1/uploads', (route) =>
      route.fulfill({
        status: 429,
        contentType: 'application/problem+json',
        body: '{"title":"Too many","detail":"wait a moment"}',
      }),
    );
    await dropFiles(page, 'main', [file]);
    await page.getByText('wait a moment').waitFor();
    await page.unroute('**/v1/uploads');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('1 file uploaded').waitFor();
    expect(takeFaults(page).filter((fault) => fault.includes('429'))).toHaveLength(1);
  });

  it('says of a file that has arrived that it cannot be read, and why', async () => {
    const { address } = await start({ fill: async () => {} });
    const page = await open(address);
    const folder = await temporaryFolder();
    const broken = (await colourPicture('green')).subarray(0, 100);
    await writeFile(join(folder, 'broken.png'), broken);
    await writeFile(join(folder, 'whole.png'), await colourPicture('green'));
    await dropFiles(page, 'main', [join(folder, 'broken.png')]);
    await page.getByText('1 file uploaded, 1 cannot be read').waitFor(); // nothing else in the collection changes
    await dropFiles(page, 'main', [join(folder, 'whole.png')]);
    await page.getByText('2 files uploaded, 1 cannot be read').waitFor();
    const item = await fetch(`${address}/v1/items/broken.png`);
    const { failure } = (await item.json()) as { failure: { message: string } };
    await page.locator('.uploads .unreadable', { hasText: failure.message }).waitFor();
    await writeFile(join(folder, 'broken.png'), await colourPicture('green'));
    await dropFiles(page, 'main', [join(folder, 'broken.png')]);
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByText(/^3 files uploaded$/).waitFor();
  });

  it('shows an item with what is known of it and what is like it, walks on, and deletes after asking', async () => {
    const { address } = await start();
    const page = await open(`${address}/?q=red&in=image`);
    await page.locator('a.tile[data-key="colours/red.png"]').click();
    const dialog = page.getByRole('dialog', { name: 'Item' });
    await dialog.getByRole('heading', { name: 'red.png' }).waitFor();
    await dialog.getByText('240 × 160').waitFor();
    await dialog.getByText(/^Match \d+ %$/).waitFor();
    await eventually(() => dialog.locator('.similar a.tile').first().getAttribute('data-key')).toBe(
      'colours/crimson.png',
    );
    expect(await dialog.locator('.similar a.tile:not(.image)').count()).toBe(0);
    await dialog.locator('.stage img.loaded').waitFor();

    await page.keyboard.press('ArrowRight');
    await dialog.getByRole('heading', { name: 'crimson.png' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await dialog.getByRole('heading', { name: 'red.png' }).waitFor();

    await dialog.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByText('A file in a folder of yours stays there').waitFor();
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    expect((await fetch(`${address}/v1/items/colours/red.png`)).status).toBe(200);
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Deleted.').waitFor();
    await eventually(() => shownKeys(page)).not.toContain('colours/red.png');
    expect((await fetch(`${address}/v1/items/colours/red.png`)).status).toBe(404);
    expect(await page.locator('dialog[open]').count()).toBe(0);
  });

  it('shows texts in older encodings as they read', async () => {
    const fill = async (folder: string) => {
      await writeFile(join(folder, 'western.txt'), Buffer.from('Grüße aus Köln', 'latin1'));
      await writeFile(join(folder, 'windows.txt'), Buffer.from('\ufeffGrüße aus Bonn', 'utf16le'));
    };
    const { address } = await start({ fill });
    const page = await open(address);
    await page.locator('a.tile').getByText('Grüße aus Köln').waitFor();
    await page.locator('a.tile').getByText('Grüße aus Bonn').click();
    await page.getByRole('dialog', { name: 'Item' }).locator('.text-body').getByText('Grüße aus Bonn').waitFor();
  });

  it('lists by attribute what is only browsed', async () => {
    const { address, idle } = await start();
    const body = Buffer.from(await colourPicture('blue'));
    const headers = { 'content-type': 'image/png', 'x-chiasm-attributes': '{"album":"Lisbon","stars":4}' };
    await fetch(`${address}/v1/objects/lisbon.png`, { method: 'PUT', body, headers });
    await idle();
    const page = await open(address);
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByLabel('Name of the attribute').fill('stars');
    await page.getByLabel('Comparison').selectOption('at least');
    await page.getByLabel('Value').fill('4');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await eventually(() => shownKeys(page)).toEqual(['lisbon.png']);
    await page.waitForURL('**/?where=stars%3Aat+least%3A4');
    await page.getByRole('button', { name: 'Remove the filter stars at least 4' }).click();
    await eventually(() => shownKeys(page).then((keys) => keys.length)).toBe(12);
  });

  it('brings the next page of a large collection as the end comes near, and keeps the tiles that are there', async () => {
    const { address } = await start({
      fill: async (folder) => {
        const picture = await colourPicture('green', 30, 20);
        for (let i = 0; i < 100; i++) await writeFile(join(folder, `${String(i).padStart(3, '0')}.png`), picture);
      },
    });
    const page = await open(address);
    await page.locator('a.tile[data-key="000.png"]').waitFor();
    await page.evaluate(`document.querySelector('a.tile').dataset.mine = 'yes'`);
    expect((await shownKeys(page)).length).toBeLessThan(100);
    await eventually(async () => {
      await page.evaluate('scrollTo(0, document.body.scrollHeight)');
      return (await shownKeys(page)).length;
    }).toBe(100);
    expect(await page.locator('a.tile[data-mine="yes"]').getAttribute('data-key')).toBe('000.png');
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);

    await page.goto(address); // and a next page that is asked for late does not stop a search that is under way
    await page.locator('a.tile[data-key="000.png"]').waitFor();
    await page.route('**/v1/search', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await route.continue();
    });
    await page.locator('#words').fill('green');
    await page.evaluate('scrollTo(0, document.body.scrollHeight)');
    await page.locator('main a.tile .probability').first().waitFor(); // which only results of a search have
  });

  it('waits for a server that is still starting', async () => {
    const { address } = await start();
    const page = await browser().newPage();
    const starting = {
      status: 503,
      contentType: 'application/problem+json',
      body: '{"title":"Not ready","detail":"still starting"}',
    };
    await page.route('**/v1/*', (route) => route.fulfill(starting));
    await page.goto(address);
    await page.getByRole('heading', { name: 'Just a moment' }).waitFor();
    await page.getByRole('button', { name: 'Starting' }).waitFor();
    await page.unroute('**/v1/*');
    await page.locator('a.tile[data-key="colours/red.png"]').waitFor();
    await page.close();
  });

  it('plays a sound and reads a text on their pages', async () => {
    const { address } = await start();
    const page = await open(`${address}/?in=audio`);
    await page.locator('#words').click();
    await page.locator('a.tile[data-key="sounds/low.wav"]').press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Item' });
    await eventually(() => dialog.getByRole('slider', { name: 'Position' }).getAttribute('style')).toBe('--played: 1;');
    await dialog.getByRole('button', { name: 'Play' }).waitFor();
    await page.goto(`${address}/?q=lamps&item=notes/harbour.txt`);
    await dialog.getByText('The first boats leave with their lamps lit.').first().waitFor();
  });

  it('goes on to more like an item', async () => {
    const { address } = await start();
    const page = await open(`${address}/?in=image&item=colours/green.png`);
    await page.getByRole('button', { name: 'More like this' }).click();
    await page.waitForURL('**/?term=1%3Aitem%3Acolours%2Fgreen.png');
    await eventually(() => shownKeys(page).then(([key]) => key)).toBe('colours/green.png');
  });

  it('tells the status of the index: numbers, the model, and failures with their reasons', async () => {
    const { address } = await start({
      fill: async (folder) => {
        await writeCollection(folder);
        await writeFile(join(folder, 'broken.png'), (await colourPicture('red')).subarray(0, 60));
      },
    });
    const page = await open(address);
    await page.getByRole('button', { name: '11 items' }).click();
    const dialog = page.getByRole('dialog', { name: 'Status of the index' });
    await dialog.getByText('Could not be indexed: 1').waitFor();
    expect(await dialog.locator('.bigs').textContent()).toBe('11searchable0waiting1failed');
    await dialog.getByText('A tiny model that knows colours and tones; for tests.').waitFor();
    const { failure } = (await (await fetch(`${address}/v1/items/broken.png`)).json()) as {
      failure: { message: string };
    };
    await dialog.getByText(failure.message).waitFor();
    await dialog.getByRole('button', { name: 'broken.png' }).click();
    await page.getByRole('dialog', { name: 'Item' }).getByText(failure.message).waitFor();
  });

  it('shows a change of the model: how far the new index is, the switch, and what is kept', async () => {
    const { address, spaces } = await start({
      nextModel: (root) => makeModelFolder(join(root, 'next'), { seed: 2, dimensions: 48 }),
    });
    const page = await open(address);
    await page.getByRole('button', { name: 'New index 0 %' }).click();
    const dialog = page.getByRole('dialog', { name: 'Status of the index' });
    await dialog.getByRole('heading', { name: 'Building the index of another model: 0 %' }).waitFor();
    await dialog.getByText('0 of 11 items').waitFor();
    await dialog.getByText('32 dimensions').waitFor();
    expect(await spaces.build()).toEqual({ kind: 'switched' });
    await dialog.getByRole('heading', { name: 'Kept from former models' }).waitFor();
    await dialog.getByText('48 dimensions').waitFor();
    expect(await dialog.getByRole('heading', { name: /Building/ }).count()).toBe(0);
    await dialog.getByRole('button', { name: 'Erase' }).click();
    await eventually(() => dialog.getByRole('heading', { name: 'Kept from former models' }).count()).toBe(0);
    expect(await (await fetch(`${address}/v1/spaces`)).json()).toMatchObject({ kept: [], live: [{ items: 11 }] });
  });

  it('tries failed files again when asked to', async () => {
    let pictures = '';
    const whole = await colourPicture('red');
    const { address } = await start({
      fill: async (folder) => {
        pictures = folder;
        await writeFile(join(folder, 'broken.png'), whole.subarray(0, 60));
      },
    });
    const page = await open(address);
    await page.getByRole('button', { name: '0 items' }).click();
    const dialog = page.getByRole('dialog', { name: 'Status of the index' });
    await dialog.getByText('Could not be indexed: 1').waitFor();
    await writeFile(join(pictures, 'broken.png'), whole);
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: '1 item', exact: true }).waitFor({ state: 'attached' });
    expect(await (await fetch(`${address}/v1/items/broken.png`)).json()).toMatchObject({ status: 'indexed' });
  });

  it('asks for a key once where the server wants one, and shows protected pictures', async () => {
    const { address } = await start({ apiKeys: ['open-sesame-0123456789'] });
    const page = await open(address);
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.getByLabel('API key').fill('wrong');
    await dialog.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('That key was not accepted.').waitFor();
    await dialog.getByLabel('API key').fill('open-sesame-0123456789');
    await dialog.getByRole('button', { name: 'Continue' }).click();
    await page.locator('a.tile[data-key="colours/red.png"] img.loaded').waitFor();
    await page.locator('a.tile[data-key="sounds/low.wav"]').press(' ');
    await page.locator('a.tile.playing').waitFor();
    await page.reload();
    await page.locator('a.tile[data-key="colours/red.png"] img.loaded').waitFor();
    expect(await page.locator('dialog[open]').count()).toBe(0);
    expect(takeFaults(page).every((fault) => fault.includes('401'))).toBe(true);
  });
});
