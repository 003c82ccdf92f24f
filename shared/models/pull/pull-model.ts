/**
 * A model of the catalogue into the folder of pulled models: fetched beside it, checked, given its card, and put in place in
 * one rename. A pull that was cut off goes on where it stopped; two at once do not meet.
 */

import { copyFile, mkdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { createFolderLock } from '#shared/store/folder-lock.ts';
import { type CatalogueEntry, type CatalogueFile, downloadBytes } from '../catalogue-entry.ts';
import { fileDigest } from '../file-digest.ts';
import { type ModelCard, type modelCardSchema, modelFiles, type taskCardSchema } from '../model-card.ts';
import { type ModelFolder, openModelFolder } from '../model-folder.ts';
import { openSpeechModelFolder, type SpeechModelFolder } from '../speech-model-folder.ts';
import { type DownloadedFile, type DownloadOptions, downloadFile } from './download-file.ts';

export const HUB_URL = 'https://huggingface.co';

/** Where the files come from: a server that has `REPOSITORY/resolve/REVISION/PATH`, or a folder for machines without a network. */
export type PullSource = { readonly url: string } | { readonly folder: string };

export interface PullOptions extends Omit<DownloadOptions, 'onProgress'> {
  /** Where pulled models are; created when needed. */
  readonly modelsFolder: string;
  readonly source: PullSource;
  /** Files at the same time. @default 4 */
  readonly parallel?: number;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PullProgress {
  readonly receivedBytes: number;
  /** As far as it is known. */
  readonly totalBytes: number;
}

export interface PulledModel {
  readonly folder: string;
  /** It was there before, at this revision. */
  readonly alreadyThere: boolean;
}

/** What lies beside a model while it is being pulled; a pull that was cut off leaves it there. */
export const pullFiles = (modelsFolder: string, name: string) => ({
  staging: join(modelsFolder, `.${name}.pulling`),
  old: join(modelsFolder, `.${name}.old`),
  lock: join(modelsFolder, `.${name}.lock`),
});

/** @throws ChiasmError as `downloadFile`; `conflict` while another pull of the model runs, `storage_unavailable` without room */
export async function pullModel(entry: CatalogueEntry, options: PullOptions): Promise<PulledModel> {
  await mkdir(options.modelsFolder, { recursive: true });
  return withPullLock(options.modelsFolder, entry.name, () => pull(entry, options));
}

/** @throws ChiasmError `conflict` while another process pulls the model */
export async function withPullLock<Result>(
  modelsFolder: string,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = createFolderLock(pullFiles(modelsFolder, name).lock, { timeoutMs: 0 });
  let entered = false;
  try {
    return await lock.run(() => {
      entered = true;
      return work();
    });
  } catch (error) {
    if (entered) throw error;
    throw new ChiasmError('conflict', `another process is pulling ${name}; it goes on there`, { cause: error });
  }
}

async function pull(entry: CatalogueEntry, options: PullOptions): Promise<PulledModel> {
  const folder = join(options.modelsFolder, entry.name);
  if (await isThere(folder, entry)) return { folder, alreadyThere: true };
  const { staging, old } = pullFiles(options.modelsFolder, entry.name);
  await mkdir(staging, { recursive: true });
  await requireRoom(staging, entry);
  const done = await readDone(staging);
  await fetchAll(entry, staging, done, options);
  await writeFile(join(staging, 'chiasm.json'), `${JSON.stringify(cardOf(entry, done), null, 2)}\n`);
  await openPulled(entry, staging); // complete, and of a family that loads
  await rm(join(staging, DONE), { force: true });
  await rm(old, { recursive: true, force: true });
  await rename(folder, old).catch(ignoreMissing);
  await rename(staging, folder);
  await rm(old, { recursive: true, force: true });
  return { folder, alreadyThere: false };
}

function openPulled({ task }: CatalogueEntry, folder: string): Promise<Pick<ModelFolder | SpeechModelFolder, 'card'>> {
  return task === 'speech' ? openSpeechModelFolder(folder) : openModelFolder(folder, { verifyDigests: false });
}

/** The model of this revision, with files of the sizes that its card lists. */
async function isThere(folder: string, entry: CatalogueEntry): Promise<boolean> {
  const opened = await openPulled(entry, folder).catch(() => undefined);
  if (opened?.card?.version !== versionOf(entry)) return false;
  for (const [path, { sizeBytes }] of Object.entries(opened.card.files)) {
    const stats = await stat(join(folder, path)).catch(() => undefined);
    if (stats?.size !== sizeBytes) return false;
  }
  return true;
}

async function requireRoom(staging: string, entry: CatalogueEntry): Promise<void> {
  const { bavail, bsize } = await statfs(staging);
  const sizes = await Promise.all(
    entry.files.flatMap(({ path }) =>
      [path, `${path}.part`].map(async (file) => (await stat(join(staging, file)).catch(() => undefined))?.size ?? 0),
    ),
  );
  const missing = downloadBytes(entry) - sizes.reduce((sum, size) => sum + size, 0);
  if (missing <= bavail * bsize) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new ChiasmError(
    'storage_unavailable',
    `${entry.name} needs ${megabytes(missing)} more; ${staging} has room for ${megabytes(bavail * bsize)}`,
  );
}

/** Files that are complete in the staging folder, as they were checked when they came. */
type Done = Record<string, DownloadedFile>;
const DONE = 'done.json';

async function readDone(staging: string): Promise<Done> {
  const text = await readFile(join(staging, DONE), 'utf8').catch(() => '{}');
  try {
    return z.parse(modelFiles, JSON.parse(text));
  } catch {
    return {}; // cut off by a crash: what it listed is checked or fetched again
  }
}

async function fetchAll(entry: CatalogueEntry, staging: string, done: Done, options: PullOptions): Promise<void> {
  const received = new Map<string, number>();
  const totals = new Map(entry.files.map(({ path, sizeBytes }) => [path, sizeBytes ?? 0]));
  const report = (path: string, bytes: number, total = 0) => {
    received.set(path, bytes);
    if (total > 0) totals.set(path, total);
    const sum = (sizes: Iterable<number>) => [...sizes].reduce((all, size) => all + size, 0);
    const totalBytes = Math.max(downloadBytes(entry), sum(totals.values()));
    options.onProgress?.({ receivedBytes: sum(received.values()), totalBytes });
  };
  const failing = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failing.signal]) : failing.signal;
  const queue = entry.files.toSorted((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0));
  const work = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const { path } = file;
      const result = await fetchOne(entry, staging, file, done[path], {
        ...options,
        signal,
        onProgress: (bytes, total) => report(path, bytes, total),
      });
      report(path, result.sizeBytes, result.sizeBytes);
      done[path] = result;
      await writeFile(join(staging, DONE), JSON.stringify(done));
    }
  };
  const workers = Array.from({ length: options.parallel ?? 4 }, async () => {
    try {
      await work();
    } catch (error) {
      failing.abort(error); // the others stop too, and keep what they have; the first reason is the one to tell
      throw signal.reason;
    }
  });
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function fetchOne(
  entry: CatalogueEntry,
  staging: string,
  { path, sizeBytes, sha256 }: CatalogueFile,
  before: DownloadedFile | undefined,
  options: DownloadOptions & Pick<PullOptions, 'source'>,
): Promise<DownloadedFile> {
  const target = join(staging, path);
  const known = { ...before, ...(sizeBytes !== undefined && { sizeBytes }), ...(sha256 !== undefined && { sha256 }) };
  if ('folder' in options.source) return copyOne(entry, options.source.folder, path, target, known);
  const base = options.source.url.replace(/\/+$/, '');
  const url = `${base}/${entry.repository}/resolve/${entry.revision}/${path}`;
  return downloadFile({ url, target, ...known }, options);
}

/** From `FOLDER/REPOSITORY/PATH`, `FOLDER/NAME/PATH` or, for one model, `FOLDER/PATH`. */
async function copyOne(
  entry: CatalogueEntry,
  folder: string,
  path: string,
  target: string,
  known: Partial<DownloadedFile>,
): Promise<DownloadedFile> {
  const places = [join(folder, entry.repository), join(folder, entry.name), folder].map((place) => join(place, path));
  const found = await Promise.all(
    places.map((place) =>
      stat(place).then(
        (stats) => stats.isFile(),
        () => false,
      ),
    ),
  );
  const source = places.find((_, i) => found[i]);
  if (source === undefined) {
    throw new ChiasmError('not_found', `${path} of ${entry.name} is missing; looked for ${places.join(', ')}`);
  }
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
  const copied = { sha256: await fileDigest(target), sizeBytes: (await stat(target)).size };
  for (const key of ['sizeBytes', 'sha256'] as const) {
    if (known[key] === undefined || known[key] === copied[key]) continue;
    throw new ChiasmError(
      'model_invalid',
      `${source} is another file: expected ${key} ${known[key]}, got ${copied[key]}`,
    );
  }
  return copied;
}

/** In the card, in place of a number: the commit. */
const versionOf = (entry: CatalogueEntry): string => entry.revision.slice(0, 12);

/** The card: with it the model has its calibration, and every start checks the files. */
function cardOf(entry: CatalogueEntry, files: Done): z.input<typeof modelCardSchema | typeof taskCardSchema> {
  return {
    name: entry.name,
    version: versionOf(entry),
    licence: entry.licence.name,
    summary: entry.summary,
    ...(entry.dimensions !== undefined && { dimensions: entry.dimensions, modalities: entry.modalities }),
    files,
    ...(entry.calibration && { calibration: entry.calibration }),
    ...(entry.queryTemplates && { queryTemplates: entry.queryTemplates }),
    metrics: entry.published.map(({ metric, value }): ModelCard['metrics'][number] => ({ name: metric, value })),
    limits: entry.licence.commercialUse ? [] : [`not for commercial use: ${entry.licence.note ?? entry.licence.name}`],
  };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
