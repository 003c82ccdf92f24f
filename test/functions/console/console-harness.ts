/**
 * The whole local system with a tiny real model behind a real port, and the console in a real Chromium. The collection:
 * solid pictures named after their colours, two tones, and a text.
 */

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { LOOPBACK_HOSTS } from '#functions/api/app-dependencies.ts';
import { composeLocal } from '#functions/local/compose.ts';
import { chooseModels } from '#functions/local/model-choice.ts';
import { createLog } from '#shared/core/log.ts';
import { makeAnswerModel } from '../../models/make-answer-model.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(EXECUTABLE);
if (!hasChromium) console.log(`skipped: the console's browser tests need ${EXECUTABLE} (or CHROMIUM=path)`);

export const COLOURS = ['red', 'crimson', 'green', 'blue', 'yellow', 'cyan', 'magenta', 'black'] as const;
const SAMPLE_RATE_HZ = 16_000;

export async function writeCollection(folder: string): Promise<void> {
  const files: Record<string, Uint8Array> = {
    'sounds/low.wav': wav(200),
    'sounds/high.wav': wav(4000),
    'notes/harbour.txt': Buffer.from('The harbour is dark. The first boats leave with their lamps lit.'),
  };
  for (const colour of COLOURS) files[`colours/${colour}.png`] = await colourPicture(colour);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

export async function colourPicture(colour: string, width = 240, height = 160): Promise<Uint8Array> {
  const background = colour === 'green' ? '#00ff00' : colour;
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Half a second of a sine as 16-bit mono WAV. */
function wav(hz: number): Uint8Array {
  const samples = SAMPLE_RATE_HZ / 2;
  const bytes = Buffer.alloc(44 + samples * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + samples * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  bytes.writeUInt32LE(SAMPLE_RATE_HZ * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) {
    bytes.writeInt16LE(Math.round(Math.sin((2 * Math.PI * hz * i) / SAMPLE_RATE_HZ) * 20_000), 44 + i * 2);
  }
  return bytes;
}

export interface SystemOptions {
  /** @default the collection above */
  readonly fill?: (folder: string) => Promise<void>;
  readonly apiKeys?: readonly string[];
  /** Folder of a model that writes down what is said. */
  readonly speechFolder?: string;
  /** Another model that is wanted once everything is indexed; nothing is built of it unasked. */
  readonly nextModel?: (root: string) => Promise<string>;
}

/** Resolves when everything is indexed. */
export async function startSystem(options: SystemOptions = {}) {
  const { fill = writeCollection, apiKeys = [], speechFolder, nextModel } = options;
  const root = await temporaryFolder();
  const folder = join(root, 'collection');
  await mkdir(folder);
  await fill(folder);
  const reader = await makeAnswerModel(join(root, 'reader'));
  const compose = async (model: string) =>
    composeLocal(
      {
        folders: [folder],
        dataFolder: join(root, 'data'),
        models: await chooseModels([model], root),
        reader,
        ...(speechFolder !== undefined && { speechFolder }),
        apiKeys,
        allowedHosts: LOOPBACK_HOSTS,
      },
      createLog(() => {}),
    );
  let system = await compose(await makeModelFolder(join(root, 'model')));
  let { spaces } = await system.load();
  await spaces.catchUp();
  await spaces.idle();
  if (nextModel !== undefined) {
    await system.close();
    system = await compose(await nextModel(root));
    ({ spaces } = await system.load());
  }
  const server = createAdaptorServer({ fetch: system.app.fetch }) as Server;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    spaces,
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    idle: () => spaces.idle(),
    close: async () => {
      await new Promise((closed) => {
        server.close(closed);
        if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
      });
      await system.close();
    },
  };
}

function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
    ],
  });
}

interface Visit {
  readonly page: Page;
  /** Console errors (violations of the content security policy are among them) and uncaught exceptions. */
  readonly faults: string[];
}

async function visit(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000); // shorter than a test's, so that a failure names what was waited for
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error.stack)));
  await page.goto(address);
  return { page, faults };
}

/**
 * Chromium for the tests of a `describe`. After each test the pages that it opened are closed, and must have had no faults
 * but those that are `tolerated`.
 */
export function useChromium(tolerated: (fault: string) => boolean = () => false) {
  let browser: Browser;
  const visits: Visit[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const { page, faults } of visits.splice(0)) {
      expect(faults.filter((fault) => !tolerated(fault))).toEqual([]);
      await page.unrouteAll({ behavior: 'ignoreErrors' }); // a request that the last click caused may still be on its way
      await page.context().close();
    }
  });
  afterAll(() => browser?.close());
  return {
    browser: () => browser,
    /** Takes the faults that the page has had: an empty list is left for the check after the test. */
    takeFaults: (page: Page) => visits.find((visit) => visit.page === page)!.faults.splice(0),
    open: async (address: string, options?: BrowserContextOptions): Promise<Page> => {
      const opened = await visit(browser, address, options);
      visits.push(opened);
      return opened.page;
    },
  };
}

/** The console of one system for the tests of a `describe`; `open` takes a path of it. */
export function useConsole(optionsOf: () => SystemOptions | Promise<SystemOptions> = () => ({})) {
  const { open, takeFaults } = useChromium();
  let system: Awaited<ReturnType<typeof startSystem>>;
  beforeAll(async () => {
    system = await startSystem(await optionsOf());
  }, 180_000);
  afterAll(() => system?.close());
  return {
    takeFaults,
    open: (path = '/', options?: BrowserContextOptions) => open(system.address + path, options),
  };
}

/** An assertion that becomes true in time, on a busy machine too. */
export function eventually<T>(read: () => T | Promise<T>, options: { readonly interval?: number } = {}) {
  return expect.poll(read, { timeout: 15_000, ...options });
}

/** Keys of the tiles on the screen, in order. */
export function shownKeys(page: Page): Promise<string[]> {
  return page.locator('main a.tile').evaluateAll((tiles) => tiles.map((tile) => tile.getAttribute('data-key') ?? ''));
}

/** Drops files and folders from the disk where the element is, as a file manager does. */
export async function dropFiles(page: Page, selector: string, files: readonly string[]): Promise<void> {
  const box = (await page.locator(selector).boundingBox())!;
  const devTools = await page.context().newCDPSession(page);
  const position = { x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 300) };
  for (const type of ['dragEnter', 'dragOver', 'dragOver', 'drop'] as const) {
    await devTools.send('Input.dispatchDragEvent', {
      type,
      ...position,
      data: { items: [], files: [...files], dragOperationsMask: 1 },
    });
  }
  await devTools.detach();
}
