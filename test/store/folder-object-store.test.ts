import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFolderObjectStore } from '#shared/store/folder-object-store.ts';
import type { SkippedEntry } from '#shared/store/user-folder.ts';
import { anyKey, bytes, collect, text } from './object-store-contract.ts';
import { temporaryFolder } from './temporary-folder.ts';

const onWindows = process.platform === 'win32';

describe('FolderObjectStore', () => {
  it('reads files by their relative paths', async () => {
    const { store } = await folderWith({ 'a.txt': 'hello', 'photos/Été 😀 100%.jpg': 'picture' });
    expect(text(await store.get('photos/Été 😀 100%.jpg'))).toBe('picture');
    expect(text(await store.get('a.txt', { range: { start: 1, end: 3 } }))).toBe('el');
    expect((await buffer((await store.stream('a.txt'))!.body)).toString()).toBe('hello');
    expect(await store.get('photos')).toBeUndefined();
    expect(await store.get('a.txt/b')).toBeUndefined();
    expect((await collect(store.list())).map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
      ['a.txt', 5],
      ['photos/Été 😀 100%.jpg', 7],
    ]);
  });

  it('writes and deletes nothing', async () => {
    const { store } = await folderWith({ 'a.txt': 'hello' });
    await expect(store.put('a.txt', bytes('x'))).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(store.delete('a.txt')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(text(await store.get('a.txt'))).toBe('hello');
  });

  it('neither lists nor reads hidden files, or files in hidden folders', async () => {
    const { store } = await folderWith({
      '.env': 'secret',
      '.git/config': 'secret',
      'a/.cache/x': 'secret',
      'a/b': 'b',
    });
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['a/b']);
    for (const key of ['.env', '.git/config', 'a/.cache/x']) expect(await store.get(key)).toBeUndefined();
    expect(await collect(store.list({ prefix: '.git/' }))).toEqual([]);
  });

  it('has nothing at keys that are longer than names of files can be', async () => {
    const { store } = await folderWith({ 'a.txt': 'hello' });
    for (const key of ['x'.repeat(1024), `a/${'é'.repeat(200)}`]) {
      expect(await store.get(key)).toBeUndefined();
      expect(await store.head(key)).toBeUndefined();
      expect(await collect(store.list({ prefix: key }))).toEqual([]);
    }
  });

  it('cannot be led out of the folder by a key', async () => {
    const { store, folder } = await folderWith({ 'in/a': 'a' });
    await writeFile(join(folder, '..', 'outside.txt'), 'outside');
    for (const key of ['../outside.txt', 'in/../../outside.txt', '/etc/passwd', 'in\\..\\..\\outside.txt']) {
      await expect(store.get(key)).rejects.toMatchObject({ code: 'invalid_key' });
    }
    await rm(join(folder, '..', 'outside.txt'));
  });

  it.skipIf(onWindows)('survives loops of links and shows each object at one key', async () => {
    const { store, folder } = await folderWith({ 'a/one.txt': '1', 'a/b/two.txt': '2' });
    await symlink('..', join(folder, 'a', 'b', 'up'));
    await symlink('.', join(folder, 'self'));
    await symlink('one.txt', join(folder, 'a', 'alias.txt'));
    await symlink('circle', join(folder, 'circle'));
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['a/b/two.txt', 'a/one.txt']);
    expect(await store.get('self/a/one.txt')).toBeUndefined();
    expect(await store.get('a/alias.txt')).toBeUndefined();
    expect(await store.get('circle')).toBeUndefined();
  });

  it.skipIf(onWindows)('follows links that lead out of the folder, one on the way', async () => {
    const outside = await folderWith({ 'holiday/sea.jpg': 'sea', 'holiday/deep/fish.jpg': 'fish', 'lone.jpg': 'lone' });
    const { store, folder } = await folderWith({ 'own.jpg': 'own' });
    await symlink(join(outside.folder, 'holiday'), join(folder, 'trip'));
    await symlink(join(outside.folder, 'lone.jpg'), join(folder, 'lone.jpg'));
    await symlink(join(outside.folder, 'holiday'), join(outside.folder, 'holiday', 'again'));
    await symlink(folder, join(outside.folder, 'holiday', 'back'));
    await symlink(join(folder, '..'), join(folder, 'above'));
    const keys = ['lone.jpg', 'own.jpg', 'trip/deep/fish.jpg', 'trip/sea.jpg'];
    expect((await collect(store.list())).map((info) => info.key)).toEqual(keys);
    expect(text(await store.get('trip/deep/fish.jpg'))).toBe('fish');
    expect((await collect(store.list({ prefix: 'trip/' }))).map((info) => info.key)).toEqual(keys.slice(2));
    expect(await collect(store.list({ prefix: 'trip/again/' }))).toEqual([]);
    for (const key of ['trip/again/sea.jpg', 'trip/back/own.jpg', `above/${basename(folder)}/own.jpg`]) {
      expect(await store.get(key)).toBeUndefined();
    }
  });

  it.skipIf(onWindows)('reports names that are no keys, and goes on', async () => {
    const { store, folder, skipped } = await folderWith({ 'good.txt': 'x' });
    await writeFile(join(folder, 'back\\slash.txt'), 'x');
    await writeFile(join(folder, 'line\nbreak.txt'), 'x');
    await mkdir(join(folder, 'bad\tfolder'));
    if (process.platform === 'linux') {
      await writeFile(Buffer.concat([Buffer.from(`${folder}/latin-`), Buffer.from([0xe9]), Buffer.from('.txt')]), 'x');
    }
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['good.txt']);
    const reported = new Map(skipped.map((entry) => [entry.path, entry]));
    expect(reported.get('back\\slash.txt')).toMatchObject({ problem: 'invalid-name' });
    expect(reported.get('line\nbreak.txt')!.reason).toContain('control characters');
    expect(reported.has('bad\tfolder/')).toBe(true);
    if (process.platform === 'linux') expect(reported.get('latin-\ufffd.txt')!.reason).toContain('UTF-8');
  });

  it.skipIf(onWindows)('reports links that lead nowhere as unreadable', async () => {
    const { store, folder, skipped } = await folderWith({ 'good.txt': 'x' });
    await symlink('/nonexistent/drive', join(folder, 'drive'));
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['good.txt']);
    expect(skipped).toMatchObject([{ path: 'drive', problem: 'unreadable' }]);
    expect(await store.get('drive/photo.jpg')).toBeUndefined();
  });

  it('reports folders without permission as unreadable, and goes on', async ({ skip }) => {
    if (onWindows || process.getuid?.() === 0) {
      skip(onWindows ? 'Windows has other permissions' : 'the superuser may read everything');
    }
    const { store, folder, skipped } = await folderWith({ 'closed/a': 'a', 'open/b': 'b', 'secret.txt': 'x' });
    await chmod(join(folder, 'closed'), 0);
    await chmod(join(folder, 'secret.txt'), 0);
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['open/b', 'secret.txt']);
    expect(skipped).toMatchObject([{ path: 'closed/', problem: 'unreadable', reason: 'permission denied' }]);
    await expect(store.get('secret.txt')).rejects.toMatchObject({ code: 'storage_unavailable', retryable: false });
    await chmod(join(folder, 'closed'), 0o700);
  });

  it.skipIf(onWindows)('does not wait for a writer at a named pipe', async () => {
    const { store, folder } = await folderWith({ 'good.txt': 'x' });
    makePipe(join(folder, 'pipe'));
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['good.txt']);
    expect(await store.get('pipe')).toBeUndefined();
  });

  it('fails instead of looking empty when the folder is gone, and recovers when it is back', async () => {
    const { store, folder } = await folderWith({ a: 'a' });
    await rename(folder, `${folder}-away`);
    const unavailable = { code: 'storage_unavailable', retryable: true };
    await expect(collect(store.list())).rejects.toMatchObject(unavailable);
    await expect(store.get('a')).rejects.toMatchObject(unavailable);
    const late = createFolderObjectStore(folder);
    await expect(collect(late.list())).rejects.toMatchObject(unavailable);
    await rename(`${folder}-away`, folder);
    for (const again of [store, late]) expect((await collect(again.list())).map((info) => info.key)).toEqual(['a']);
  });

  it('changes the etag when a file is edited, touched or replaced by another of the same size and time', async () => {
    const { store, folder } = await folderWith({ 'a.bin': 'one', 'b.bin': 'two' });
    const time = new Date('2020-01-01T00:00:00Z');
    for (const name of ['a.bin', 'b.bin']) await utimes(join(folder, name), time, time);
    const before = (await store.head('a.bin'))!.etag;
    expect((await store.head('a.bin'))!.etag).toBe(before);
    await rename(join(folder, 'b.bin'), join(folder, 'a.bin'));
    const replaced = (await store.head('a.bin'))!.etag;
    expect(replaced).not.toBe(before);
    await writeFile(join(folder, 'a.bin'), 'new');
    expect((await store.head('a.bin'))!.etag).not.toBe(replaced);
  });

  it('lists any tree of files in the order of S3', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyKey(), { maxLength: 12 }), async (candidates) => {
        const { store, folder } = await folderWith({});
        const keys: string[] = [];
        for (const key of candidates) if (await tryToWrite(join(folder, ...key.split('/')))) keys.push(key);
        const visible = keys.filter((key) => !key.split('/').some((segment) => segment.startsWith('.')));
        const sorted = visible.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect((await collect(store.list())).map((info) => info.key)).toEqual(sorted);
        const [middle] = sorted.slice(Math.floor(sorted.length / 2));
        expect((await collect(store.list({ startAfter: middle }))).map((info) => info.key)).toEqual(
          middle === undefined ? sorted : sorted.slice(sorted.indexOf(middle) + 1),
        );
      }),
      { numRuns: 40 },
    );
  });
});

async function folderWith(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  for (const [key, content] of Object.entries(files)) {
    const path = join(folder, ...key.split('/'));
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
  }
  const skipped: SkippedEntry[] = [];
  return { folder, skipped, store: createFolderObjectStore(folder, { onSkipped: (entry) => skipped.push(entry) }) };
}

/** False when the file system cannot hold it: a name too long, or a file where a folder would have to be. */
async function tryToWrite(path: string): Promise<boolean> {
  try {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'x', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function makePipe(path: string, program = 'mkfifo'): void {
  execFileSync(program, [path]);
}
