import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FolderChange, type WatchFolderOptions, watchFolder } from '#shared/store/watch-folder.ts';
import { temporaryFolder } from './temporary-folder.ts';

describe('watchFolder', () => {
  it('tells files that are added, changed and deleted', async () => {
    const { folder, next } = await watched();
    await writeFile(join(folder, 'a.txt'), 'one');
    expect(await next()).toEqual(['a.txt']);
    await writeFile(join(folder, 'a.txt'), 'three');
    expect(await next()).toEqual(['a.txt']);
    await rm(join(folder, 'a.txt'));
    expect(await next()).toEqual(['a.txt']);
  });

  it('tells both names of a renamed file', async () => {
    const { folder, untilTold } = await watched({ 'old name.jpg': 'x' });
    await rename(join(folder, 'old name.jpg'), join(folder, 'new 😀 100%.jpg'));
    expect(await untilTold('old name.jpg', 'new 😀 100%.jpg')).toBe('keys');
  });

  it('tells files in folders that are new, however deep', async () => {
    const { folder, untilTold } = await watched();
    await mkdir(join(folder, 'a/b/c'), { recursive: true });
    await writeFile(join(folder, 'a/b/c/deep.txt'), 'x');
    await writeFile(join(folder, 'a/top.txt'), 'x');
    expect(await untilTold('a/b/c/deep.txt', 'a/top.txt')).toBe('keys');
    await writeFile(join(folder, 'a/b/c/later.txt'), 'x');
    expect(await untilTold('a/b/c/later.txt')).toBe('keys');
  });

  it('tells the files of a folder that was moved in', async () => {
    const { folder, untilTold } = await watched();
    const elsewhere = await temporaryFolder();
    await mkdir(join(elsewhere, 'trip'));
    await writeFile(join(elsewhere, 'trip', 'sea.jpg'), 'x');
    await rename(join(elsewhere, 'trip'), join(folder, 'trip'));
    expect(await untilTold('trip/sea.jpg')).toBe('keys');
  });

  it('asks for a rescan when a folder is renamed, and follows it under its new name', async () => {
    const { folder, next, untilTold } = await watched({ 'before/a.txt': 'a', 'before/in/b.txt': 'b' });
    await rename(join(folder, 'before'), join(folder, 'after'));
    expect(await next()).toBe('rescan');
    await writeFile(join(folder, 'after/in/new.txt'), 'x');
    expect(await untilTold('after/in/new.txt')).toBe('keys');
  });

  it('asks for a rescan when a folder is deleted', async () => {
    const { folder, next } = await watched({ 'gone/a.txt': 'a', 'gone/in/b.txt': 'b' });
    await rm(join(folder, 'gone'), { recursive: true });
    let change = await next();
    while (change !== 'rescan') change = await next();
    expect(change).toBe('rescan');
  });

  it('follows a folder that replaces another of the same name', async () => {
    const { folder, untilTold } = await watched({ 'album/a.txt': 'a', 'other/b.txt': 'b' });
    await rename(join(folder, 'album'), join(folder, 'spare'));
    await rename(join(folder, 'other'), join(folder, 'album'));
    await untilTold('rescan');
    await writeFile(join(folder, 'album/new.txt'), 'x');
    await writeFile(join(folder, 'spare/new.txt'), 'x');
    expect(await untilTold('album/new.txt', 'spare/new.txt')).toBe('keys');
  });

  it('waits until a file is no longer written to', async () => {
    const { folder, next, changes } = await watched({}, { settleMs: 300 });
    for (let i = 0; i < 10; i++) {
      await appendFile(join(folder, 'growing.bin'), Buffer.alloc(1000));
      await sleep(60);
      expect(changes).toEqual([]);
    }
    expect(await next()).toEqual(['growing.bin']);
  });

  it('tells a file that never stands still after the longest wait', async () => {
    const { folder, changes } = await watched({}, { settleMs: 200, maxWaitMs: 400 });
    for (let i = 0; i < 40 && changes.length === 0; i++) {
      await appendFile(join(folder, 'app.log'), 'line\n');
      await sleep(50);
    }
    expect(changes[0]).toEqual(['app.log']);
  });

  it('misses none of 2,000 files that come at once', async () => {
    const { folder, untilTold } = await watched({}, { maxKeys: 5_000 });
    const keys = Array.from({ length: 2_000 }, (_, i) => `burst/${i % 20}/${i}.txt`);
    for (let i = 0; i < 20; i++) await mkdir(join(folder, 'burst', String(i)), { recursive: true });
    await Promise.all(keys.map((key) => writeFile(join(folder, key), 'x')));
    expect(['keys', 'rescan']).toContain(await untilTold(...keys));
  });

  it('asks for a rescan instead of telling more keys than the limit, and goes on telling keys afterwards', async () => {
    const { folder, next, untilTold } = await watched({}, { maxKeys: 50 });
    await Promise.all(Array.from({ length: 400 }, (_, i) => writeFile(join(folder, `${i}.txt`), 'x')));
    let change = await next();
    while (change !== 'rescan') {
      expect(change.length).toBeLessThanOrEqual(50);
      change = await next();
    }
    for (let i = 0; ; i++) {
      await writeFile(join(folder, `later ${i}.txt`), 'x');
      if ((await untilTold(`later ${i}.txt`)) === 'keys') break;
    }
  });

  it('says nothing of hidden files and names that are no keys', async () => {
    const { folder, next } = await watched({ '.hidden/a': 'a' });
    await writeFile(join(folder, '.hidden', 'a'), 'changed');
    await writeFile(join(folder, '.part.jpg'), 'x');
    if (process.platform !== 'win32') await writeFile(join(folder, 'back\\slash'), 'x');
    await writeFile(join(folder, 'seen.txt'), 'x');
    expect(await next()).toEqual(['seen.txt']);
  });

  it('says nothing after it was closed', async () => {
    const { folder, watch, changes } = await watched();
    await writeFile(join(folder, 'a.txt'), 'x');
    await watch.close();
    await writeFile(join(folder, 'b.txt'), 'x');
    await sleep(300);
    expect(changes).toEqual([]);
  });

  it('refuses a folder that is not there', async () => {
    const folder = join(await temporaryFolder(), 'none');
    await expect(watchFolder(folder, () => {})).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

async function watched(files: Readonly<Record<string, string>> = {}, options: WatchFolderOptions = {}) {
  const folder = await temporaryFolder();
  for (const [key, content] of Object.entries(files)) {
    await mkdir(join(folder, key, '..'), { recursive: true });
    await writeFile(join(folder, key), content);
  }
  const changes: FolderChange[] = [];
  let wake = () => {};
  const watch = await watchFolder(
    folder,
    (change) => {
      changes.push(change);
      wake();
    },
    { settleMs: 80, ...options },
  );
  onTestFinished(() => watch.close());

  async function next(): Promise<FolderChange> {
    while (changes.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return changes.shift()!;
  }

  /** Resolves to `keys` when all of them were told, or to `rescan` when that came first. */
  async function untilTold(...keys: string[]): Promise<'keys' | 'rescan'> {
    const missing = new Set(keys);
    while (missing.size > 0) {
      const change = await next();
      if (change === 'rescan') return change;
      for (const key of change) missing.delete(key);
    }
    return 'keys';
  }

  return { folder, watch, changes, next, untilTold };
}
