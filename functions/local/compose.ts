/** The whole system in one process: folders for stores, a queue in memory, ONNX Runtime on the CPU. */

import { join, resolve } from 'node:path';
import type { ApiApp } from '#functions/api/api-env.ts';
import { createApp } from '#functions/api/app.ts';
import {
  type AppDependencies,
  DEFAULT_API_LIMITS,
  type Health,
  type ModelDescription,
} from '#functions/api/app-dependencies.ts';
import { createConsole } from '#functions/console/console.ts';
import { createZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { objectKeyProblem } from '#shared/core/object-key.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { createContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { createInbox, type Inbox } from '#shared/ingest/inbox.ts';
import { type IngestOptions, ingest } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { reconcile } from '#shared/ingest/reconcile.ts';
import type { JobKinds } from '#shared/jobs/job-kind.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createJobs } from '#shared/jobs/jobs.ts';
import { createLocalJobRunner } from '#shared/jobs/local-job-runner.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { type ModelFolder, openModelFolder } from '#shared/models/model-folder.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createSearch } from '#shared/search/search.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createFolderObjectStore } from '#shared/store/folder-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createOverlayObjectStore } from '#shared/store/overlay-object-store.ts';
import type { SkippedEntry } from '#shared/store/user-folder.ts';
import { watchFolder } from '#shared/store/watch-folder.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { erase } from '#shared/vector-index/erase.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { createCompactionSchedule } from './compaction-schedule.ts';
import { createUploadGrants } from './upload-grants.ts';

export interface LocalSettings {
  /** The user's folders, which are only read. */
  readonly folders: readonly string[];
  /** Where the index, uploads and pulled models are. */
  readonly dataFolder: string;
  /** Path of the model folder. */
  readonly modelFolder: string;
  readonly apiKeys: readonly string[];
  readonly allowedHosts: AppDependencies['allowedHosts'];
  readonly ingest?: IngestOptions;
}

export interface LocalSystem {
  /** Answers 503 until `load` has resolved. */
  readonly app: ApiApp;
  /** Loads the model and the index and begins to work on the queue. */
  load(): Promise<Loaded>;
  close(): Promise<void>;
}

export interface Loaded {
  readonly model: ModelFolder;
  readonly index: VectorIndex;
  readonly inbox: Inbox;
  /** Queues whatever differs between the folders and the index; returns how many keys. */
  catchUp(): Promise<number>;
  /** What the folders hold and cannot show, as of the last `catchUp`. */
  skipped(): readonly SkippedEntry[];
  /** Queues changes of the folders as they happen. */
  follow(): Promise<void>;
  /** Folds what is fresh into the next generation. */
  compact(): Promise<void>;
}

export function composeLocal(settings: LocalSettings, log: Log): LocalSystem {
  const clock = systemClock;
  const stateStore = createFileObjectStore(join(settings.dataFolder, 'state'));
  const media = openMedia(settings);
  const { mediaStore } = media;
  let running: Running | undefined;
  let health: Health = { status: 'starting', detail: 'the model and the index are being loaded' };
  const ready = (): Running => {
    if (running === undefined)
      throw new ChiasmError('not_ready', 'still starting; try again in a moment', { retryable: true });
    return running;
  };
  const app = createApp({
    mediaStore,
    stateStore,
    get spaces() {
      return ready().spaces;
    },
    get search() {
      return ready().search;
    },
    get zeroShot() {
      return ready().zeroShot;
    },
    get jobs() {
      return ready().jobs;
    },
    get ingest() {
      return ready().loaded.inbox;
    },
    uploads: createUploadGrants(clock),
    health: () => {
      const degraded = running?.loaded.index.statistics().degraded;
      return degraded === undefined ? health : { status: 'degraded', detail: degraded };
    },
    models: () => (running === undefined ? [] : [describeModel(running)]),
    erase: (key) => ready().erase(key),
    limits: DEFAULT_API_LIMITS,
    apiKeys: settings.apiKeys,
    allowedHosts: settings.allowedHosts,
    clock,
    log,
    site: createConsole(),
  });
  return {
    app,
    load: async () => {
      running = await start(settings, media, stateStore, log);
      health = { status: 'ready' };
      return running.loaded;
    },
    close: async () => {
      await running?.close();
    },
  };
}

interface Running {
  readonly loaded: Loaded;
  readonly encoder: Encoder;
  readonly search: AppDependencies['search'];
  readonly spaces: AppDependencies['spaces'];
  readonly zeroShot: AppDependencies['zeroShot'];
  readonly jobs: AppDependencies['jobs'];
  readonly erase: NonNullable<AppDependencies['erase']>;
  close(): Promise<void>;
}

interface Media {
  readonly mediaStore: ObjectStore;
  /** What the newest listing left out, by path. */
  readonly skipped: Map<string, SkippedEntry>;
}

/** Uploads go to the data folder; the user's folders lie under it and are only read. */
function openMedia({ dataFolder, folders }: LocalSettings): Media {
  const skipped = new Map<string, SkippedEntry>();
  const onSkipped = (entry: SkippedEntry) => void skipped.set(entry.path, entry);
  const lowers = folders.map((folder) => ({
    name: resolve(folder),
    store: createFolderObjectStore(folder, { onSkipped }),
  }));
  const upper = createFileObjectStore(join(dataFolder, 'media'));
  return { mediaStore: createOverlayObjectStore(upper, lowers), skipped };
}

async function start(settings: LocalSettings, media: Media, stateStore: ObjectStore, log: Log): Promise<Running> {
  const { mediaStore } = media;
  const clock = systemClock;
  const model = await openModelFolder(settings.modelFolder);
  const encoder = await createEncoder(model, { openSession: createThreadedSession });
  const { space } = encoder;
  const scratchFolder = join(settings.dataFolder, 'scratch');
  const indexDeps = { store: stateStore, space, clock, log, scratchFolder };
  const index = await openIndex(indexDeps);
  const queue = createMemoryQueue<ChangeMessage>({ clock, visibilityMs: VISIBILITY_MS, maxAttempts: MAX_ATTEMPTS });
  const inbox = createInbox({ queue, index, clock, nextSequencer: createUlidGenerator(clock) });
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  const spaces = createSpaceSet([{ encoder, embedder, index, modalities: encoder.modalities }]);
  const fold = async () => {
    const outcome = await compact(indexDeps);
    log.info('compaction.finished', { ...outcome });
    await index.refresh();
  };
  const schedule = createCompactionSchedule(() => index.statistics(), fold, log);
  const stopping = new AbortController();
  const working = ingest(
    {
      queue,
      index,
      encoder,
      prepare: createPrepare({ mediaStore, index, encoder, limits: DEFAULT_MEDIA_LIMITS }),
      clock,
      log,
      onSettled: (message, outcome) => {
        inbox.settled(message.key, message.sequencer, outcome);
        schedule.changed();
      },
    },
    { maxAttempts: MAX_ATTEMPTS, ...settings.ingest },
    stopping.signal,
  );
  const kinds: JobKinds = {};
  const jobStore = createJobStore(stateStore);
  const runner = createLocalJobRunner({ jobs: jobStore, kinds, clock, log, owner: LOCAL_OWNER });
  await runner.resume();
  const catchUp = () => queueDifferences(media, index, inbox);
  const watchers: { close(): Promise<void> }[] = [];
  return {
    loaded: {
      model,
      index,
      inbox,
      catchUp,
      skipped: () => [...media.skipped.values()],
      follow: async () => {
        for (const folder of settings.folders) watchers.push(await followFolder(folder, inbox, catchUp, log));
      },
      compact: fold,
    },
    encoder,
    spaces,
    search: createSearch({ spaces: spaces.members, mediaStore }),
    zeroShot: createZeroShotClassifier(spaces),
    jobs: createJobs({ jobs: jobStore, kinds, runner, clock, nextId: createUlidGenerator(clock) }),
    erase: async (key) => erase({ ...indexDeps, index }, [{ key, sequencer: await inbox.sequencer(key) }]),
    close: async () => {
      await Promise.all(watchers.map((watcher) => watcher.close()));
      await runner.close();
      stopping.abort();
      await working;
      await schedule.stop();
      await index.close();
      await encoder.close();
    },
  };
}

/** Longer than any batch waits; a message that is not finished then is worked on again. */
const VISIBILITY_MS = 15 * 60_000;
const MAX_ATTEMPTS = 5;
const KEYS_AT_ONCE = 1_000;
/** One program at a time has the data folder, so that whatever this name owns is free when it starts. */
const LOCAL_OWNER = 'local';

/**
 * Queues whatever differs. What the folders cannot show now is not taken for deleted; a file that cannot be read is queued
 * too, so that it ends as a failed item with the reason.
 */
async function queueDifferences({ mediaStore, skipped }: Media, index: VectorIndex, inbox: Inbox): Promise<number> {
  skipped.clear();
  const keys: string[] = [];
  let total = 0;
  const add = async (key: string) => {
    keys.push(key);
    total += 1;
    if (keys.length >= KEYS_AT_ONCE) await inbox.changed(keys.splice(0));
  };
  for await (const { operation, key } of reconcile(mediaStore, index)) {
    if (operation === 'put' || !isSkipped(key, skipped)) await add(key);
  }
  for (const { path, problem } of skipped.values()) {
    if (problem === 'unreadable' && !path.endsWith('/') && objectKeyProblem(path) === undefined) await add(path);
  }
  await inbox.changed(keys);
  return total;
}

/** Whether the key, or a folder above it, is among what a listing could not show. */
function isSkipped(key: string, skipped: ReadonlyMap<string, SkippedEntry>): boolean {
  if (skipped.has(key)) return true;
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
    if (skipped.has(key.slice(0, slash + 1))) return true;
  }
  return skipped.has('');
}

function followFolder(folder: string, inbox: Inbox, catchUp: () => Promise<number>, log: Log) {
  return watchFolder(
    folder,
    async (change) => {
      try {
        if (change === 'rescan') await catchUp();
        else await inbox.changed(change);
      } catch (error) {
        log.error('folder.change_lost', { folder, error });
      }
    },
    { onDegraded: (reason) => log.warn('folder.not_watched', { folder, reason }) },
  );
}

function describeModel({ loaded: { model }, encoder }: Running): ModelDescription {
  const { card } = model;
  return {
    name: model.name,
    space: encoder.space,
    modalities: [...encoder.modalities],
    active: true,
    ...(card && { licence: card.licence, description: card.summary }),
  };
}
