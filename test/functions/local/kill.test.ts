/** A kill at any moment: nothing is lost, nothing is indexed twice, searches work meanwhile. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { type Program, startProgram } from './start-program.ts';

const FILES = 2_000;
const BROKEN_EVERY = 50;

let folder: string;
let programs: Program[] = [];

/** Pictures of one colour each, every fiftieth cut off in the middle. */
async function writeCollection(target: string): Promise<void> {
  for (let start = 0; start < FILES; start += 100) {
    await mkdir(join(target, `album ${start / 100}`), { recursive: true });
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const n = start + i;
        const background = { r: (n * 7) % 256, g: (n * 13) % 256, b: (n * 29) % 256 };
        const image = sharp({ create: { width: 48, height: 48, channels: 3, background } });
        const bytes = await image.jpeg().toBuffer();
        const stored = n % BROKEN_EVERY === 0 ? bytes.subarray(0, bytes.length / 2) : bytes;
        await writeFile(join(target, `album ${start / 100}`, `${n}.jpg`), stored);
      }),
    );
  }
}

async function allItems(
  program: Program,
): Promise<Map<string, { status: string; indexedAt: string; failure?: { message: string } }>> {
  const items = new Map();
  let cursor = '';
  do {
    const { body } = await program.get(`v1/items?limit=100${cursor && `&cursor=${cursor}`}`);
    for (const item of body.items) {
      expect(items.has(item.key)).toBe(false);
      if (item.status !== 'pending') items.set(item.key, item);
    }
    cursor = body.nextCursor ?? '';
  } while (cursor !== '');
  return items;
}

async function untilReady(program: Program): Promise<void> {
  while ((await fetch(new URL('v1/health', program.url))).status !== 200) await sleep(50);
}

async function untilIndexed(program: Program, atLeast: number): Promise<void> {
  for (;;) {
    const { body } = await program.get('v1/stats');
    if (body.items.indexed >= atLeast) return;
    await sleep(20);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-kill-'));
  await Promise.all([writeCollection(join(folder, 'pictures')), makeModelFolder(join(folder, 'model'))]);
});

afterAll(async () => {
  await Promise.all(programs.map((program) => program.signal('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

describe('the program, killed in the middle of indexing', () => {
  it('goes on where it stopped, with every file once', async () => {
    const args = [join(folder, 'pictures'), '--data', join(folder, 'data'), '--model', join(folder, 'model')];
    let known = new Map<string, { indexedAt: string }>();
    for (const killAt of [200, 900]) {
      const program = await startProgram(args);
      programs.push(program);
      await untilReady(program);
      await untilIndexed(program, killAt);
      const answer = await program.get('v1/search?q=red&limit=5'); // searches work while it indexes
      expect(answer.status).toBe(200);
      expect(answer.body.results).toHaveLength(5);
      const items = await allItems(program);
      await program.signal('SIGKILL');
      for (const [key, { indexedAt }] of known) expect(items.get(key)?.indexedAt, key).toBe(indexedAt);
      known = items;
    }

    const last = await startProgram(args);
    programs.push(last);
    await last.event('upToDate');
    const items = await allItems(last);
    expect(items.size).toBe(FILES);
    for (const [key, { indexedAt }] of known) expect(items.get(key)?.indexedAt, key).toBe(indexedAt);
    const failed = [...items.values()].filter(({ status }) => status === 'failed');
    expect(failed).toHaveLength(FILES / BROKEN_EVERY);
    for (const { failure } of failed) expect(failure?.message).toMatch(/\w+ \w+/);
    expect(await last.signal('SIGTERM')).toEqual({ code: 0 });

    const again = await startProgram(args);
    programs.push(again);
    expect(await again.event('upToDate')).toMatchObject({ indexed: 0, failed: 0 });
    await again.signal('SIGTERM');
    programs = [];
  }, 180_000);
});
