/**
 * Compaction: folds deltas into the next generation and swaps the manifest by compare-and-swap, then removes what the new
 * generation replaces. Any number of compactors may run; one wins, the others start again from its state.
 */

import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { GraphParameters } from './build-graph.ts';
import { type DeltaSpace, sha256 } from './delta.ts';
import { locateGeneration } from './generation.ts';
import { digestFile, verifyFile } from './generation-files.ts';
import { deltaDigest, type LiveState, readLiveState } from './live-state.ts';
import { encodeJson, GENERATION_FILES, type GenerationDescription, type Manifest } from './manifest.ts';
import { removeGeneration, removeReplaced } from './remove-replaced.ts';
import { type BuildOutput, runBuild } from './run-build.ts';
import { createScratchFolder } from './scratch-folder.ts';

export interface CompactDependencies {
  readonly store: ObjectStore;
  readonly space: DeltaSpace;
  readonly clock: Clock;
  readonly log: Log;
  /** A local folder for the files while they are built: about twice the size of a generation. */
  readonly scratchFolder: string;
}

export interface CompactOptions {
  /** Aborting leaves the live state as it is. */
  readonly signal?: AbortSignal;
  /**
   * How long a delete is remembered after it was folded, so that a put which is delivered late does not come back.
   * @default 30 days: twice the longest retention of an Amazon SQS queue
   */
  readonly tombstoneRetentionMs?: number;
  /** Share of moved and deleted points of a graph above which it is built anew. @default 0.2 */
  readonly rebuildShare?: number;
  /** Most bytes of deltas folded at once; the rest follows in further rounds. @default 512 MiB */
  readonly roundBytes?: number;
  readonly graph?: GraphParameters;
}

export type CompactOutcome =
  | { readonly kind: 'nothing'; readonly generation: number; readonly removed: readonly string[] }
  | {
      readonly kind: 'compacted';
      readonly generation: number;
      readonly foldedDeltas: number;
      readonly items: number;
      readonly parts: number;
      /** Whether a graph was built anew. */
      readonly rebuilt: boolean;
      /** Keys written and still there, with their SHA-256, and keys removed. */
      readonly written: readonly { readonly key: string; readonly digest: string }[];
      readonly removed: readonly string[];
    }
  /** Other compactors won every time; the state is theirs. */
  | { readonly kind: 'lost' };

const DAY_MS = 24 * 60 * 60 * 1000;
const ATTEMPTS = 5;
const DEFAULTS = {
  tombstoneRetentionMs: 30 * DAY_MS,
  rebuildShare: 0.2,
  roundBytes: 512 * 1024 * 1024,
  graph: { m: 16, efConstruction: 200, seed: 100 },
};

/**
 * Folds every delta that is in the store when it starts.
 * @throws ChiasmError `state_corrupt` when a file that it needs is damaged; the live state is then as it was
 */
export async function compact(deps: CompactDependencies, options: CompactOptions = {}): Promise<CompactOutcome> {
  const folder = await createScratchFolder(deps.scratchFolder, 'compact');
  const compaction: Compaction = {
    ...deps,
    ...DEFAULTS,
    ...options,
    folder,
    nextUlid: createUlidGenerator(deps.clock),
  };
  try {
    let done: Compacted | undefined;
    for (let lost = 0; lost < ATTEMPTS; ) {
      const { outcome, more } = await runRound(compaction);
      if (outcome.kind === 'lost') lost++;
      else if (outcome.kind === 'nothing') return done ?? outcome;
      else {
        done = done === undefined ? outcome : joinRounds(done, outcome);
        if (!more) return done;
      }
    }
    return done ?? { kind: 'lost' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Compacted = Extract<CompactOutcome, { kind: 'compacted' }>;

interface Compaction extends CompactDependencies, Required<Omit<CompactOptions, 'signal'>> {
  readonly signal?: AbortSignal;
  readonly folder: string;
  readonly nextUlid: () => string;
}

interface Round {
  readonly outcome: CompactOutcome;
  /** Deltas are left for another round. */
  readonly more: boolean;
}

/** Read, build, store, swap, remove. */
async function runRound(compaction: Compaction): Promise<Round> {
  const { store, space } = compaction;
  const folder = join(compaction.folder, compaction.nextUlid());
  const live = await readLiveState(store, space.id);
  try {
    const previous = live.manifest && (await locatePrevious(compaction, live.manifest, join(folder, 'previous')));
    const folded = new Set(previous?.description.folded);
    const { deltas, more } = await readDeltas(compaction, live, folded);
    if (deltas.length === 0) {
      const removed = live.manifest ? await removeReplaced(compaction, live.manifest, folded) : [];
      return { outcome: { kind: 'nothing', generation: live.manifest?.generation ?? 0, removed }, more };
    }
    const output = await build(compaction, previous, deltas, folder);
    const names = [...live.deltas.filter((name) => folded.has(name)), ...deltas.map(({ name }) => name)];
    return { outcome: await publish(compaction, live, output, names, join(folder, 'next')), more };
  } catch (error) {
    // what was missing may have been removed by another compactor, which then has swapped the manifest
    const overtaken = (await manifestEtag(store, space.id)) !== live.manifestEtag;
    if (overtaken) return { outcome: { kind: 'lost' }, more: true };
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function locatePrevious({ store, space }: Compaction, manifest: Manifest, folder: string) {
  const previous = await locateGeneration(store, space, manifest, folder);
  for (const [name, path] of previous.paths) {
    await verifyFile(path, previous.description.files[name]!, `generation file ${name}`);
  }
  return previous;
}

/** The deltas to fold in this round, oldest first. */
async function readDeltas({ store, space, roundBytes }: Compaction, live: LiveState, folded: ReadonlySet<string>) {
  const names = live.deltas.filter((name) => deltaDigest(name) !== undefined && !folded.has(name));
  const deltas: { name: string; bytes: Uint8Array }[] = [];
  let sizeBytes = 0;
  for (const name of names) {
    if (sizeBytes >= roundBytes) break;
    const key = spaceKeys(space.id).deltas + name;
    const stored = await store.get(key);
    if (stored === undefined)
      throw new ChiasmError('state_corrupt', `${key} was listed and is gone`, { retryable: true });
    sizeBytes += stored.sizeBytes;
    deltas.push({ name, bytes: stored.bytes });
  }
  return { deltas, more: deltas.length < names.length };
}

async function build(
  { space, clock, signal, tombstoneRetentionMs, rebuildShare, graph }: Compaction,
  previous: Awaited<ReturnType<typeof locatePrevious>> | undefined,
  deltas: readonly { name: string; bytes: Uint8Array }[],
  folder: string,
): Promise<BuildOutput> {
  const next = join(folder, 'next');
  await mkdir(next, { recursive: true });
  const nowMs = clock.now();
  return runBuild({ space, previous, deltas, folder: next, nowMs, tombstoneRetentionMs, rebuildShare, graph }, signal);
}

/** Stores the files, then their description, then swaps the manifest; then removes what is replaced. */
async function publish(
  compaction: Compaction,
  live: LiveState,
  output: BuildOutput,
  folded: readonly string[],
  folder: string,
): Promise<CompactOutcome> {
  const { store, space, clock, log } = compaction;
  const generation = (live.manifest?.generation ?? 0) + 1;
  const ulid = compaction.nextUlid();
  const prefix = spaceKeys(space.id).generation(generation, ulid);
  const writtenAt = new Date(clock.now()).toISOString();
  const files = await storeFiles(compaction, prefix, folder, output.files);
  const description = describe(compaction, output, { generation, writtenAt, files, folded });
  const bytes = encodeJson(description);
  await store.put(prefix + GENERATION_FILES.description, bytes, { ifAbsent: true, contentType: 'application/json' });
  const manifest: Manifest = { format: 1, space: space.id, generation, ulid, digest: sha256(bytes), writtenAt };
  if (!(await swapManifest(compaction, live, manifest))) {
    log.info('compaction.lost', { generation });
    await removeGeneration(compaction, prefix);
    return { kind: 'lost' };
  }
  const removed = await removeReplaced(compaction, manifest, new Set(folded)).catch((error) => {
    log.warn('compaction.left_behind', { error: toChiasmError(error) }); // the swap stands; the next compaction removes it
    return [];
  });
  const { items, parts, rebuilt } = output;
  log.info('compaction.done', { generation, items, parts, rebuilt, folded: folded.length });
  const written = [
    ...Object.entries(files).map(([name, { digest }]) => ({ key: prefix + name, digest })),
    { key: prefix + GENERATION_FILES.description, digest: manifest.digest },
    { key: spaceKeys(space.id).manifest, digest: sha256(encodeJson(manifest)) },
  ];
  return { kind: 'compacted', generation, foldedDeltas: folded.length, items, parts, rebuilt, written, removed };
}

async function storeFiles({ store, signal }: Compaction, prefix: string, folder: string, names: readonly string[]) {
  const files: Record<string, { sizeBytes: number; digest: string }> = {};
  for (const name of names) {
    signal?.throwIfAborted();
    const path = join(folder, name);
    files[name] = await digestFile(path);
    await store.put(prefix + name, createReadStream(path), { ifAbsent: true, contentType: 'application/octet-stream' });
  }
  return files;
}

function describe(
  { space, graph }: Compaction,
  { items, parts, vectors, rows, graphs, tombstones }: BuildOutput,
  rest: Pick<GenerationDescription, 'generation' | 'writtenAt' | 'files'> & { readonly folded: readonly string[] },
): GenerationDescription {
  const { generation, writtenAt, files, folded } = rest;
  const counts = { items, parts, vectors, rows, tombstones };
  const { id, dimensions } = space;
  const own = { ...counts, graph, graphs: [...graphs], files, folded: [...folded] };
  return { format: 2, space: id, dimensions, generation, writtenAt, ...own };
}

/** True when `manifest` is live. An answer may get lost on its way, so a refusal is believed only after a look. */
async function swapManifest({ store, space }: Compaction, live: LiveState, manifest: Manifest): Promise<boolean> {
  const key = spaceKeys(space.id).manifest;
  const condition = live.manifestEtag === undefined ? { ifAbsent: true } : { ifMatch: live.manifestEtag };
  const swap = () => store.put(key, encodeJson(manifest), { ...condition, contentType: 'application/json' });
  const { written } = await swap().catch(async (error) => {
    if (await isLive(store, space.id, manifest)) return { written: true };
    throw error;
  });
  return written || isLive(store, space.id, manifest);
}

async function isLive(store: ObjectStore, space: string, manifest: Manifest): Promise<boolean> {
  const stored = await store.get(spaceKeys(space).manifest);
  return stored !== undefined && sha256(stored.bytes) === sha256(encodeJson(manifest));
}

async function manifestEtag(store: ObjectStore, space: string): Promise<string | undefined> {
  return (await store.head(spaceKeys(space).manifest))?.etag;
}

/** What several rounds of one compaction did together. */
function joinRounds(first: Compacted, second: Compacted): Compacted {
  const removed = [...first.removed, ...second.removed];
  const gone = new Set(removed);
  return {
    ...second,
    foldedDeltas: first.foldedDeltas + second.foldedDeltas,
    rebuilt: first.rebuilt || second.rebuilt,
    written: [...first.written, ...second.written].filter(({ key }) => !gone.has(key)),
    removed,
  };
}
