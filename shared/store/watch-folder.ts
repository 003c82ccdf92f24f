/**
 * Tells which objects of a user's folder may have changed: added, changed, deleted, renamed. A hint, not a log: one key may
 * be told twice, and `rescan` asks to compare the whole folder (a folder was renamed or deleted, or too much happened).
 *
 * On Linux one inotify watch per folder; Node's own recursive watch and chokidar take one per file, which exceeds the
 * kernel's limit in large collections, and the kernel's notice of lost events reaches none of them. So a flood of events
 * counts as a loss here. On macOS and Windows the system's own recursive watch. Targets of linked files are not watched.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import { fileErrorCode } from './file-error.ts';
import { openFolderTree } from './folder-tree.ts';
import { isHidden } from './user-folder.ts';

export type FolderChange = readonly string[] | 'rescan';

export interface WatchFolderOptions {
  /** A file is told when its size and modification time have stood still for this long. @default 300 */
  readonly settleMs?: number;
  /** A file that never stands still, such as a log, is told after this all the same. @default 30 seconds */
  readonly maxWaitMs?: number;
  /** When more keys than this have changed at once, a rescan is asked for instead. @default 1,000 */
  readonly maxKeys?: number;
  /** Told once when the system cannot watch (all) folders; a rescan is then asked for every minute. */
  readonly onDegraded?: (reason: string) => void;
}

export interface FolderWatch {
  /** No change is told after it resolves. */
  close(): Promise<void>;
}

/** How a path with events looked; replaced by every event, so that one which comes during a look is not overlooked. */
interface Sample {
  readonly firstEventMs: number;
  /** The moment of the last event or visible change. */
  readonly sinceMs: number;
  readonly state: string;
}

const RESCAN_WHEN_DEGRADED_MS = 60_000;
/** Half of the events that Linux keeps by default (fs.inotify.max_queued_events) before it drops more. */
const MAX_EVENTS = 8_192;

/**
 * Resolves when every change from now on will be told. `onChange` is not called again before its last promise resolves;
 * it must not throw.
 * @throws ChiasmError `storage_unavailable` when the folder cannot be read
 */
export async function watchFolder(
  folder: string,
  onChange: (change: FolderChange) => void | Promise<void>,
  options: WatchFolderOptions = {},
): Promise<FolderWatch> {
  const { settleMs = 300, maxWaitMs = 30_000, maxKeys = 1_000, onDegraded = () => {} } = options;
  const unsettled = new Map<string, Sample>();
  let events = 0;
  let lastEventMs = 0;
  let rescanSinceMs: number | undefined;
  let everyMinute: NodeJS.Timeout | undefined;
  let open = false;
  let timer: NodeJS.Timeout | undefined;
  let settling: Promise<void> = Promise.resolve();

  const tree = await openFolderTree(folder, { onEvent, onUnwatched });
  open = true;
  schedule();

  function onEvent(key: string | undefined): void {
    events += 1;
    lastEventMs = performance.now();
    if (key === undefined || events > MAX_EVENTS) askForRescan();
    else if (!isHidden(key) && objectKeyProblem(key) === undefined) touch(key);
    schedule();
  }

  function touch(key: string): void {
    const nowMs = performance.now();
    const { firstEventMs = nowMs, state = '' } = unsettled.get(key) ?? {};
    unsettled.set(key, { firstEventMs, sinceMs: nowMs, state });
  }

  function onUnwatched(reason: string): void {
    if (everyMinute !== undefined) return;
    everyMinute = setInterval(() => {
      askForRescan();
      schedule();
    }, RESCAN_WHEN_DEGRADED_MS);
    onDegraded(reason);
  }

  function askForRescan(): void {
    rescanSinceMs ??= performance.now();
    unsettled.clear();
  }

  function schedule(): void {
    if (!open || timer !== undefined || (unsettled.size === 0 && rescanSinceMs === undefined)) return;
    timer = setTimeout(() => {
      settling = settle().finally(() => {
        timer = undefined;
        schedule();
      });
    }, settleMs / 2);
  }

  async function settle(): Promise<void> {
    events = 0;
    if (rescanSinceMs === undefined) {
      const settled = await settledKeys();
      if (unsettled.size + settled.length > maxKeys) askForRescan();
      else if (settled.length > 0 && open) await onChange(settled);
    }
    const nowMs = performance.now();
    if (rescanSinceMs === undefined || (nowMs - lastEventMs < settleMs && nowMs - rescanSinceMs < maxWaitMs)) return;
    rescanSinceMs = undefined; // what happens from here on is told again
    await tree.synchronize();
    if (open) await onChange('rescan');
  }

  /** Takes out the keys whose files have settled, and turns folders that are new into the files in them. */
  async function settledKeys(): Promise<string[]> {
    const settled: string[] = [];
    for (const [key, sample] of [...unsettled]) {
      const next = await look(key, sample);
      if (next === 'folder-changed') askForRescan();
      if (rescanSinceMs !== undefined) return [];
      if (unsettled.get(key) !== sample) continue; // there was another event meanwhile
      if (next === 'settled') settled.push(key);
      if (typeof next === 'object') unsettled.set(key, next);
      else unsettled.delete(key);
    }
    return settled;
  }

  async function look(key: string, sample: Sample): Promise<Sample | 'settled' | 'nothing' | 'folder-changed'> {
    const found = await statOrUndefined(join(tree.root, key));
    if (found?.isDirectory()) {
      if (tree.has(key)) return tree.isUnchanged(key, found) ? 'nothing' : 'folder-changed';
      for (const inside of await tree.enter(key)) touch(inside);
      return 'nothing';
    }
    if (tree.has(key)) return 'folder-changed';
    const nowMs = performance.now();
    const state = found === undefined ? 'absent' : `${found.size}-${found.mtimeNs}-${found.ino}`;
    if (nowMs - sample.firstEventMs >= maxWaitMs) return 'settled';
    if (sample.state !== state) return { ...sample, sinceMs: nowMs, state };
    return nowMs - sample.sinceMs >= settleMs ? 'settled' : sample;
  }

  return {
    async close() {
      open = false;
      clearTimeout(timer);
      clearInterval(everyMinute);
      tree.close();
      await settling;
    },
  };
}

/** Undefined also for what cannot be looked at: its key is told, and the store that reads it says why it cannot. */
async function statOrUndefined(path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (fileErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}
