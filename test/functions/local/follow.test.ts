/** A folder of a person: what is found in it, what happens in it, and what nobody should have put there. */

import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { type Program, startProgram } from './start-program.ts';

const RED = { r: 230, g: 20, b: 20 };
const BLUE = { r: 20, g: 20, b: 230 };

let root: string;
let program: Program | undefined;

const picture = (background: { r: number; g: number; b: number }) =>
  sharp({ create: { width: 40, height: 30, channels: 3, background } })
    .jpeg()
    .toBuffer();

/** A white picture of side x side pixels in some 50 kB: one bit a pixel, compressed. */
function hugePng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]); // 1 bit, greyscale
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  const rows = Buffer.alloc((1 + Math.ceil(side / 8)) * side);
  const signature = Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

async function put(name: string, bytes: Uint8Array | string): Promise<void> {
  const path = join(root, 'media', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

async function start(...more: string[]): Promise<Program> {
  program = await startProgram([
    join(root, 'media'),
    '--data',
    join(root, 'data'),
    '--model',
    join(root, 'model'),
    ...more,
  ]);
  return program;
}

async function item(key: string) {
  return program!.get(`v1/items/${key.split('/').map(encodeURIComponent).join('/')}`);
}

/** Waits until the item at `key` satisfies `condition`; fails with what it was last. */
async function until(key: string, condition: (answer: { status: number; body: any }) => boolean): Promise<void> {
  let answer = await item(key);
  for (let i = 0; i < 400 && !condition(answer); i++) {
    await sleep(50);
    answer = await item(key);
  }
  expect(condition(answer), `${key}: ${JSON.stringify(answer)}`).toBe(true);
}

const isIndexed = ({ body }: { body: any }) => body.status === 'indexed';
const isGone = ({ status }: { status: number }) => status === 404;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'chiasm-follow-'));
  await mkdir(join(root, 'media'));
  await makeModelFolder(join(root, 'model'));
});

afterEach(async () => {
  await program?.signal('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

describe('a folder that is followed', () => {
  it('shows files that are added, changed, renamed and deleted', async () => {
    await put('a.jpg', await picture(RED));
    await start();
    await program!.event('upToDate');
    await put('new/b.jpg', await picture(BLUE));
    await until('new/b.jpg', isIndexed);

    const before = (await item('a.jpg')).body;
    await put('a.jpg', await picture(BLUE));
    await until('a.jpg', ({ body }) => body.indexedAt > before.indexedAt);

    await rename(join(root, 'media/a.jpg'), join(root, 'media/c.jpg'));
    await until('c.jpg', isIndexed);
    await until('a.jpg', isGone);

    await rename(join(root, 'media/new'), join(root, 'media/old'));
    await until('old/b.jpg', isIndexed);
    await until('new/b.jpg', isGone);

    await unlink(join(root, 'media/old/b.jpg'));
    await until('old/b.jpg', isGone);
    const { body } = await program!.get('v1/search?q=blue');
    expect(body.results.map((result: any) => result.key)).toEqual(['c.jpg']);
  });

  it('is compared with the index at the next start', async () => {
    await put('stays.jpg', await picture(RED));
    await put('goes.jpg', await picture(RED));
    await put('changes.jpg', await picture(RED));
    await start('--once');
    expect(await program!.exited).toEqual({ code: 0 });

    await unlink(join(root, 'media/goes.jpg'));
    await put('changes.jpg', await picture(BLUE));
    await put('comes.jpg', await picture(BLUE));
    await start();
    expect(await program!.event('upToDate')).toMatchObject({ indexed: 3, failed: 0 }); // one of them is the deletion
    expect((await item('goes.jpg')).status).toBe(404);
    for (const key of ['stays.jpg', 'changes.jpg', 'comes.jpg']) expect((await item(key)).body.status).toBe('indexed');
  });

  it('keeps its files when they are deleted through the API', async () => {
    await put('a.jpg', await picture(RED));
    await start();
    await program!.event('upToDate');
    expect((await fetch(new URL('v1/objects/a.jpg', program!.url), { method: 'DELETE' })).status).toBe(204);
    expect((await item('a.jpg')).status).toBe(404);
    await program!.signal('SIGTERM');

    await start(); // it stays deleted over a restart
    expect(await program!.event('upToDate')).toMatchObject({ indexed: 0, failed: 0 });
    expect((await item('a.jpg')).status).toBe(404);
    expect(await sharp(join(root, 'media/a.jpg')).metadata()).toMatchObject({ width: 40 });

    await put('a.jpg', await picture(BLUE)); // until a person replaces it
    await until('a.jpg', isIndexed);
  });

  it('takes odd names as they are, and gives a reason for every file that it cannot index', async () => {
    const jpeg = await picture(RED);
    const odd = [
      'with space.jpg',
      '100%.jpg',
      'ünï/🌄 täg.jpg',
      '..double.jpg'.slice(2),
      'a+b&c=d#e.jpg',
      "quote'd.jpg",
    ];
    for (const name of odd) await put(name, jpeg);
    const broken: Record<string, Uint8Array | string> = {
      'empty.jpg': '',
      'truncated.jpg': jpeg.subarray(0, Math.floor(jpeg.length * 0.6)),
      'program.jpg': Buffer.from('\u007fELF\u0002\u0001\u0001\u0000\u0000\u0000', 'latin1'),
      'noise.bin': Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) % 256)),
      'bomb.png': hugePng(20_000),
    };
    for (const [name, bytes] of Object.entries(broken)) await put(name, bytes);
    await put('mislabelled.txt', jpeg); // a picture all the same
    await put('.hidden/secret.jpg', jpeg);
    await symlink(join(root, 'media'), join(root, 'media/loop'));
    await start();
    const upToDate = await program!.event('upToDate');

    for (const name of [...odd, 'mislabelled.txt']) {
      expect((await item(name)).body, name).toMatchObject({ status: 'indexed', modality: 'image' });
      const bytes = await fetch(
        new URL(`v1/objects/${name.split('/').map(encodeURIComponent).join('/')}`, program!.url),
      );
      expect(Buffer.from(await bytes.arrayBuffer()).equals(jpeg), name).toBe(true);
    }
    for (const name of Object.keys(broken)) {
      const { body } = await item(name);
      expect(body, name).toMatchObject({
        status: 'failed',
        failure: { message: expect.stringMatching(/\w+ \w+ \w+/) },
      });
    }
    expect(upToDate).toMatchObject({ indexed: odd.length + 1, failed: Object.keys(broken).length });
    expect((await item('.hidden/secret.jpg')).status).toBe(404);
  });
});

describe('the program', () => {
  it('refuses a second one on the same data folder, with what to do', async () => {
    await start();
    await expect(startProgram(['--data', join(root, 'data'), '--model', join(root, 'model')])).rejects.toThrow(
      /another Chiasm works on .*--data/,
    );
  });

  it('says what is wrong with its arguments and leaves with 1', async () => {
    await expect(startProgram(['--prot', '80'])).rejects.toThrow(/--prot/);
    await expect(startProgram(['--data', join(root, 'data'), '--model', '/nowhere'])).rejects.toThrow(/no model/);
    await expect(startProgram([join(root, 'nowhere'), '--data', join(root, 'data')])).rejects.toThrow(/nowhere/);
    await expect(startProgram(['--data', '/proc/chiasm/data'])).rejects.toThrow(
      /cannot write to the data folder \/proc/,
    );
  });

  it('indexes its own small collection when it is given no folder', async () => {
    program = await startProgram(['--data', join(root, 'data'), '--model', join(root, 'model')]);
    expect(await program.event('upToDate')).toMatchObject({ failed: 0 });
    const { body } = await program.get('v1/stats');
    for (const modality of ['image', 'audio', 'text']) expect(body.modalities[modality].indexed).toBeGreaterThan(3);
  });
});
