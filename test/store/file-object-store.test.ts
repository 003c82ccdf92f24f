import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { keyPath } from '#shared/store/key-path.ts';
import { bytes, collect, describeObjectStore, text, written } from './object-store-contract.ts';
import { temporaryFolder } from './temporary-folder.ts';

const onWindows = process.platform === 'win32';

describeObjectStore('FileObjectStore', { create: async () => createFileObjectStore(await temporaryFolder()) });

describe('FileObjectStore', () => {
  it('keeps an object in a file that people and libraries find under its key', async () => {
    const { folder, store } = await emptyStore();
    await store.put('photos/My cat 😀.jpg', bytes('cat'));
    expect(await readFile(join(folder, 'photos', 'My cat 😀.jpg'), 'utf8')).toBe('cat');
    expect(await store.localPath('photos/My cat 😀.jpg', '/unused')).toBe(join(folder, 'photos', 'My cat 😀.jpg'));
  });

  it('sees files that others put into the folder, and their changes', async () => {
    const { folder, store } = await emptyStore();
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'a', 'b.txt'), 'by hand');
    const before = await store.get('a/b.txt');
    expect(text(before)).toBe('by hand');
    await writeFile(join(folder, 'a', 'b.txt'), 'changed');
    expect((await store.head('a/b.txt'))!.etag).not.toBe(before!.etag);
    expect(await store.put('a/b.txt', bytes('x'), { ifMatch: before!.etag })).toEqual({ written: false });
  });

  it('drops metadata when the bytes were changed by others', async () => {
    const { folder, store } = await emptyStore();
    await store.put('a', bytes('ours'), { metadata: { of: 'ours' } });
    await writeFile(join(folder, 'a'), 'theirs');
    const found = await store.get('a');
    expect(text(found)).toBe('theirs');
    expect(found!.metadata).toBeUndefined();
  });

  it('leaves no files beside the objects but its own folder', async () => {
    const { folder, store } = await emptyStore();
    await store.put('a/b/c', bytes('x'), { metadata: { m: '1' } });
    await store.put('a/b/c', bytes('y'));
    await store.delete('a/b/c');
    expect(await filesBelow(folder)).toEqual(['.chiasm-store/lock.sqlite']);
    expect(await readdir(folder)).toEqual(['.chiasm-store']);
  });

  it('says that a file system cannot hold "a" and "a/b", and keeps what was there', async () => {
    const { store } = await emptyStore();
    await store.put('a', bytes('object'));
    await expect(store.put('a/b', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.put('a/b/c', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.get('a/b')).toBeUndefined();
    await store.put('f/g', bytes('object'));
    await expect(store.put('f', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['a', 'f/g']);
    await store.delete('f/g');
    written(await store.put('f', bytes('x')));
  });

  it.skipIf(onWindows)('writes through no symbolic link, and reads none', async () => {
    const { folder, store } = await emptyStore();
    const outside = await temporaryFolder();
    await writeFile(join(outside, 'file'), 'outside');
    await symlink(outside, join(folder, 'link'));
    await symlink(join(outside, 'file'), join(folder, 'file'));
    await expect(store.put('link/new', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.put('link/deep/new', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.put('file', bytes('x'))).rejects.toMatchObject({ code: 'conflict' });
    await store.delete('link/file');
    await store.delete('file');
    expect(await store.get('link/file')).toBeUndefined();
    expect(await collect(store.list())).toEqual([]);
    expect(await collect(store.list({ prefix: 'link/' }))).toEqual([]);
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('outside');
    expect(await readdir(outside)).toEqual(['file']);
  });

  it('gives each version its own etag while the clock stands still', async () => {
    const clock = createManualClock();
    const store = createFileObjectStore(await temporaryFolder(), { clock });
    const etags = new Set<string>();
    for (let i = 0; i < 50; i++) {
      etags.add(written(await store.put('k', bytes('same bytes'))).etag);
      if (i % 2 === 1) await store.delete('k');
    }
    expect(etags.size).toBe(50);
  });

  it('gives a new version another etag when the clock has stepped back', async () => {
    const folder = await temporaryFolder();
    const late = written(await createFileObjectStore(folder, { clock: createManualClock(2e12) }).put('k', bytes('x')));
    const store = createFileObjectStore(folder, { clock: createManualClock(1e12) });
    const early = written(await store.put('k', bytes('x')));
    expect(early.etag).not.toBe(late.etag);
    expect((await store.head('k'))!.modifiedAtMs).toBeGreaterThanOrEqual(2e12);
  });

  it('never pairs the bytes of one version with the metadata of another', async () => {
    const { store } = await emptyStore();
    const letters = [...'abcdefghijklmnopqrstuvwxyz'];
    await store.put('k', bytes('aaaa'), { metadata: { letter: 'a' } });
    let done = false;
    const reading = Array.from({ length: 4 }, async () => {
      while (!done) {
        const found = (await store.get('k'))!;
        expect(text(found)).toBe(found.metadata!.letter!.repeat(4));
      }
    });
    for (const letter of letters) await store.put('k', bytes(letter.repeat(4)), { metadata: { letter } });
    done = true;
    await Promise.all(reading);
  });

  it('reads a stream to its end although the object is replaced meanwhile', async () => {
    const { store } = await emptyStore();
    await store.put('k', Buffer.alloc(500_000, 'old'));
    const streamed = await store.stream('k');
    await store.put('k', bytes('new'));
    expect((await buffer(streamed!.body)).equals(Buffer.alloc(500_000, 'old'))).toBe(true);
  });

  it('reports a damaged metadata file', async () => {
    const { folder, store } = await emptyStore();
    await store.put('k', bytes('x'), { metadata: { a: '1' } });
    const sidecar = (await filesBelow(folder)).find((path) => path.endsWith('.json'))!;
    await truncate(join(folder, sidecar), 5);
    await expect(store.get('k')).rejects.toMatchObject({ code: 'state_corrupt' });
  });

  it('removes what killed writers have left, and nothing of those that live', async () => {
    const { folder } = await emptyStore();
    const temporary = join(folder, '.chiasm-store', 'temporary');
    const child = spawn(process.execPath, ['-e', '']);
    const deadPid = child.pid;
    await once(child, 'exit');
    const store = createFileObjectStore(folder);
    await store.put('k', bytes('x'));
    const host = await hostOfTemporaryFiles(folder);
    await writeFile(join(temporary, `${host}-${deadPid}-left`), 'half');
    await writeFile(join(temporary, `${host}-${process.pid}-live`), 'half');
    await writeFile(join(temporary, 'ffffffff-1-elsewhere'), 'half');
    createFileObjectStore(folder);
    expect((await readdir(temporary)).sort()).toEqual([`${host}-${process.pid}-live`, 'ffffffff-1-elsewhere'].sort());
    expect((await collect(store.list())).map((info) => info.key)).toEqual(['k']);
  });

  it('refuses names that Windows cannot hold, there only', () => {
    for (const key of ['a:b', 'con', 'NUL.txt', 'a./b', 'what?']) {
      expect(() => keyPath('/root', key, 'win32')).toThrowError(/Windows/);
      expect(keyPath('/root', key, 'linux')).toBe(join('/root', key));
    }
  });

  it('says so when its folder cannot be created', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    expect(() => createFileObjectStore(join(folder, 'file', 'store'))).toThrowError(
      expect.objectContaining({ code: 'storage_unavailable' }),
    );
  });

  it('answers a full disk with storage_unavailable and keeps the old object', async ({ skip }) => {
    const folder = await temporaryFolder();
    if (!mountSmallDisk(folder)) skip('this user may not mount a small file system to fill');
    try {
      const store = createFileObjectStore(folder);
      const { etag } = written(await store.put('k', bytes('old'), { metadata: { a: '1' } }));
      for (const body of [Buffer.alloc(2_000_000), readableOf(Buffer.alloc(2_000_000))]) {
        const failed = store.put('k', body, { metadata: { b: '2' } });
        await expect(failed).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
        await expect(failed).rejects.toThrow(/full/);
      }
      expect(await store.get('k')).toMatchObject({ etag, metadata: { a: '1' } });
      expect(await filesBelow(join(folder, '.chiasm-store', 'temporary'))).toEqual([]);
      written(await store.put('k', bytes('fits'), { ifMatch: etag }));
    } finally {
      run('umount', '--lazy', folder); // the store keeps its lock file open
    }
  });
});

describe('FileObjectStore between processes', () => {
  it('loses no increment of a counter', async () => {
    const { folder, store } = await emptyStore();
    await store.put('counter', bytes('0'));
    const workers = Array.from({ length: 4 }, () => startWorker(folder, 'increment', 25));
    await Promise.all(workers.map(finished));
    expect(text(await store.get('counter'))).toBe('100');
  });

  it('lets exactly one process create each object', async () => {
    const { folder, store } = await emptyStore();
    const workers = Array.from({ length: 4 }, () => startWorker(folder, 'create', 40));
    const claims = await Promise.all(workers.map(finished));
    const winners = claims.flatMap((claim, i) => claim.map((key) => ({ key, pid: workers[i]!.pid })));
    expect(winners.map(({ key }) => Number(key)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, i) => i),
    );
    for (const { key, pid } of winners) expect(text(await store.get(`claims/${key}`))).toBe(String(pid));
  });

  it('leaves the old object or the new one, with its metadata, when a writer is killed', async () => {
    const { folder, store } = await emptyStore();
    for (let round = 0; round < 8; round++) {
      const worker = startWorker(folder, 'overwrite', 1000);
      await once(worker.stdout!, 'data');
      await sleep(Math.random() * 40);
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      const found = (await store.get('large'))!;
      const letter = found.metadata!.letter!;
      expect(Buffer.from(found.bytes).equals(Buffer.alloc(found.sizeBytes, letter))).toBe(true);
      expect(found.sizeBytes).toBeGreaterThanOrEqual(3_000_000);
      written(await store.put('large', bytes('unlocked'), { ifMatch: found.etag }));
    }
    createFileObjectStore(folder);
    expect(await readdir(join(folder, '.chiasm-store', 'temporary'))).toEqual([]);
  });
});

async function emptyStore() {
  const folder = await temporaryFolder();
  return { folder, store: createFileObjectStore(folder) };
}

function startWorker(folder: string, task: string, count: number): ChildProcess {
  const script = fileURLToPath(new URL('./store-worker.ts', import.meta.url));
  return spawn(process.execPath, [script, folder, task, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The lines that a worker printed until it ended well. */
async function finished(worker: ChildProcess): Promise<string[]> {
  const [output, [code]] = await Promise.all([textOf(worker.stdout!), once(worker, 'exit')]);
  expect(code).toBe(0);
  return output.split('\n').filter((line) => line !== '');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** The first part of a temporary file's name, seen while a put is under way. */
async function hostOfTemporaryFiles(folder: string): Promise<string> {
  const store = createFileObjectStore(folder);
  let name: string | undefined;
  const body = readableOf(bytes('x'), async () => {
    [name] = await readdir(join(folder, '.chiasm-store', 'temporary'));
  });
  await store.put('probe', body);
  await store.delete('probe');
  return name!.split('-')[0]!;
}

function readableOf(content: Uint8Array, before: () => Promise<void> = async () => {}): Readable {
  return Readable.from(
    (async function* () {
      await before();
      yield content;
    })(),
  );
}

function run(program: string, ...options: string[]): void {
  execFileSync(program, options, { stdio: 'ignore' });
}

function mountSmallDisk(folder: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/proc/mounts')) return false;
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
    return true;
  } catch {
    return false;
  }
}
