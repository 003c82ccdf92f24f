/** The whole system in one process: folders for stores, a queue in memory, ONNX Runtime on the CPU. */

import { join, resolve } from 'node:path';
import { type AnswerModels, answerOver } from '#functions/api/answer-over.ts';
import type { ApiApp } from '#functions/api/api-env.ts';
import { createApp } from '#functions/api/app.ts';
import {
  type AppDependencies,
  DEFAULT_API_LIMITS,
  type Health,
  type ModelDescription,
} from '#functions/api/app-dependencies.ts';
import { describeModel } from '#functions/api/describe-model.ts';
import { createLastRecall, type LastRecall } from '#functions/api/last-recall.ts';
import { createConsole } from '#functions/console/console.ts';
import { createJobKinds } from '#functions/trainer/job-kinds.ts';
import { createAlignmentStore } from '#shared/alignments/alignment-store.ts';
import { openReader } from '#shared/answer/open-reader.ts';
import { createClassifierStore } from '#shared/classify/classifier-store.ts';
import { createClassifiers } from '#shared/classify/classifiers.ts';
import { createZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { ChangeMessage, SequencedChange } from '#shared/ingest/change-message.ts';
import { createInbox } from '#shared/ingest/inbox.ts';
import { type IngestOptions, ingest } from '#shared/ingest/ingest.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { createTranscriber, type Transcriber } from '#shared/ingest/transcriber.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createJobs } from '#shared/jobs/jobs.ts';
import { createLocalJobRunner } from '#shared/jobs/local-job-runner.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { findModel } from '#shared/models/find-model.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createSearch } from '#shared/search/search.ts';
import { createAlignmentBridges } from '#shared/spaces/alignment-bridges.ts';
import type { SpaceBridges } from '#shared/spaces/space-bridge.ts';
import { readSpaceRecord } from '#shared/spaces/space-record.ts';
import { openWhisper } from '#shared/speech/whisper-speech-to-text.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createFolderObjectStore } from '#shared/store/folder-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createOverlayObjectStore } from '#shared/store/overlay-object-store.ts';
import type { SkippedEntry } from '#shared/store/user-folder.ts';
import { watchFolder } from '#shared/store/watch-folder.ts';
import { type CompactDependencies, compact } from '#shared/vector-index/compact.ts';
import { erase } from '#shared/vector-index/erase.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { createCompactionSchedule } from './compaction-schedule.ts';
import { type LocalSpaces, type LocalSpacesDependencies, openLocalSpaces } from './local-spaces.ts';
import type { ModelChoice } from './model-choice.ts';
import type { Media } from './queue-differences.ts';
import type { LineSet, SpaceLine } from './space-line.ts';
import { createUploadGrants } from './upload-grants.ts';
import { watchRecall } from './watch-recall.ts';

export interface LocalSettings {
  /** The user's folders, which are only read. */
  readonly folders: readonly string[];
  /** Where the index, uploads and pulled models are. */
  readonly dataFolder: string;
  /** At least one; with several, each modality is searched in the space of one of them. */
  readonly models: readonly ModelChoice[];
  /** Model that answers questions: its folder, or `bedrock:MODEL_ID`. */
  readonly reader: string;
  /** Folder of the model that writes down what is said. @default nobody does */
  readonly speechFolder?: string;
  /** What becomes of the spaces of other models once the wanted ones have taken over. @default 'keep' */
  readonly formerSpaces?: 'keep' | 'drop';
  /** Nothing is recorded of a change of the model: it is only to be estimated. @default false */
  readonly estimateOnly?: boolean;
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
  readonly spaces: LocalSpaces;
  /** What the folders hold and cannot show, as of the last comparison with them. */
  skipped(): readonly SkippedEntry[];
  /** Queues changes of the folders as they happen. */
  follow(): Promise<void>;
}

/** The models that this data folder was last used with, as `--model` takes them; undefined for a new one. */
export async function recordedModels(dataFolder: string): Promise<readonly string[] | undefined> {
  const record = await readSpaceRecord(createFileObjectStore(join(dataFolder, 'state')));
  return (record?.building?.spaces ?? record?.live)?.map(({ model, modalities }) => `${model}:${modalities.join('+')}`);
}

export function composeLocal(settings: LocalSettings, log: Log): LocalSystem {
  const clock = systemClock;
  const stateStore = createFileObjectStore(join(settings.dataFolder, 'state'));
  const media = openMedia(settings);
  const { mediaStore } = media;
  const lastRecall = createLastRecall();
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
      return ready().serving().spaces;
    },
    get search() {
      return ready().serving().search;
    },
    get zeroShot() {
      return ready().serving().zeroShot;
    },
    get classifiers() {
      return ready().classifiers;
    },
    get alignments() {
      return ready().alignments;
    },
    get answerer() {
      return ready().serving().answerer;
    },
    get captioner() {
      return ready().serving().captioner;
    },
    get answering() {
      return running?.serving().answering ?? {};
    },
    transcribe: (sound) => ready().serving().transcribe(sound),
    get jobs() {
      return ready().jobs;
    },
    get modelChange() {
      return ready().loaded.spaces;
    },
    get ingest() {
      return ready().loaded.spaces.control;
    },
    uploads: createUploadGrants(clock),
    health: () => {
      const degraded = running?.loaded.spaces.live.items.statistics().degraded;
      return degraded === undefined ? health : { status: 'degraded', detail: degraded };
    },
    models: () => (running === undefined ? [] : describeModels(running.loaded.spaces)),
    erase: (key) => ready().loaded.spaces.erase(key),
    limits: DEFAULT_API_LIMITS,
    apiKeys: settings.apiKeys,
    allowedHosts: settings.allowedHosts,
    clock,
    log,
    lastRecall,
    site: createConsole(),
  });
  return {
    app,
    load: async () => {
      running = await start(settings, media, stateStore, lastRecall, log);
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
  serving(): Serving;
  readonly classifiers: AppDependencies['classifiers'];
  readonly alignments: AppDependencies['alignments'];
  readonly jobs: AppDependencies['jobs'];
  close(): Promise<void>;
}

/** What is made of the live spaces and replaced with them. */
type Serving = Pick<AppDependencies, 'search' | 'zeroShot' | 'answerer' | 'captioner' | 'answering' | 'transcribe'> & {
  readonly spaces: LineSet;
};

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

async function start(
  settings: LocalSettings,
  media: Media,
  stateStore: ObjectStore,
  lastRecall: LastRecall,
  log: Log,
): Promise<Running> {
  const clock = systemClock;
  const reader = await openReader(settings.reader, { openSession: createThreadedSession });
  const speech = settings.speechFolder === undefined ? undefined : await openWhisper(settings.speechFolder);
  const transcriber = speech && createTranscriber(speech, DEFAULT_MEDIA_LIMITS);
  const scratchFolder = join(settings.dataFolder, 'scratch');
  const nextUlid = createUlidGenerator(clock);
  const common = { store: stateStore, clock, log, scratchFolder };
  const spaces = await openLocalSpaces(
    {
      stateStore,
      media,
      clock,
      log,
      nextUlid,
      openLine: (folder, hooks) => openLine(folder, hooks, { ...common, nextUlid, media, settings, transcriber }),
      findModel: (model) => findModel(model, { dataFolder: settings.dataFolder }),
      compactKept: async (space) => void (await compact({ ...common, space })),
      eraseInKept: async (space, key) => {
        const index = await openIndex({ ...common, space });
        try {
          return await erase({ ...common, space, index }, [{ key, sequencer: nextUlid() }]);
        } finally {
          await index.close();
        }
      },
    },
    settings.models,
    { former: settings.formerSpaces ?? 'keep', estimateOnly: settings.estimateOnly ?? false },
  );
  const given = { reader, ...(speech && { speech }) };
  let serving: Serving | undefined;
  const classifiers = createClassifiers({
    store: createClassifierStore(stateStore),
    openSession: createThreadedSession,
    spaceOf: (modality) => spaces.live.spaceOf(modality),
  });
  const alignments = createAlignmentStore(stateStore);
  const bridges = createAlignmentBridges({ alignments, trainer: { openSession: createThreadedSession }, clock, log });
  const kinds = createJobKinds({
    mediaStore: media.mediaStore,
    stateStore,
    spaces: () => spaces.live,
    openSession: createThreadedSession,
    clock,
  });
  const jobStore = createJobStore(stateStore);
  const runner = createLocalJobRunner({ jobs: jobStore, kinds, clock, log, owner: LOCAL_OWNER });
  await runner.resume();
  const isBusy = () => spaces.control.backlog().pending > 0;
  const recall = watchRecall({ members: () => spaces.live.members, isBusy, lastRecall, clock, log });
  const watchers: { close(): Promise<void> }[] = [recall];
  return {
    loaded: {
      spaces,
      skipped: () => [...media.skipped.values()],
      follow: async () => {
        for (const folder of settings.folders) watchers.push(await followFolder(folder, spaces, log));
      },
    },
    serving: () => {
      if (serving?.spaces !== spaces.live) serving = serve(spaces.live, media.mediaStore, bridges, given);
      return serving;
    },
    classifiers,
    alignments,
    jobs: createJobs({ jobs: jobStore, kinds, runner, clock, nextId: createUlidGenerator(clock) }),
    close: async () => {
      await Promise.all(watchers.map((watcher) => watcher.close()));
      await runner.close();
      await classifiers.close();
      await bridges.close();
      await reader.close();
      await speech?.close(); // what it is listening to comes again at the next start
      await spaces.close();
    },
  };
}

function serve(spaces: LineSet, mediaStore: ObjectStore, bridges: SpaceBridges, given: AnswerModels): Serving {
  const search = createSearch({ spaces: spaces.members, mediaStore, bridges });
  const zeroShot = createZeroShotClassifier(spaces);
  return { spaces, search, zeroShot, ...answerOver({ spaces, search, zeroShot, mediaStore }, given) };
}

/** Longer than many long sounds wait until they are written down; the queue and its messages end with the process anyway. */
const VISIBILITY_MS = 24 * 60 * 60_000;
const MAX_ATTEMPTS = 5;
/** One program at a time has the data folder, so that whatever this name owns is free when it starts. */
const LOCAL_OWNER = 'local';

interface LineDependencies extends Omit<CompactDependencies, 'space'> {
  readonly nextUlid: () => string;
  readonly media: Media;
  readonly settings: LocalSettings;
  readonly transcriber: Transcriber | undefined;
}

async function openLine(
  folder: string,
  hooks: Parameters<LocalSpacesDependencies['openLine']>[1],
  { nextUlid, media: { mediaStore }, settings, transcriber, ...common }: LineDependencies,
): Promise<SpaceLine> {
  const { clock, log } = common;
  const model = await openModelFolder(folder);
  const encoder = await createEncoder(model, { openSession: createThreadedSession });
  const { space } = encoder;
  const indexDeps = { ...common, space };
  const index = await openIndex(indexDeps);
  const queue = createMemoryQueue<ChangeMessage>({ clock, visibilityMs: VISIBILITY_MS, maxAttempts: MAX_ATTEMPTS });
  const inbox = createInbox({ queue, index, clock, nextSequencer: nextUlid });
  const fold = async () => {
    const outcome = await compact(indexDeps);
    log.info('compaction.finished', { space: space.id, ...outcome });
    await index.refresh();
  };
  const schedule = createCompactionSchedule(() => index.statistics(), fold, log);
  const scope = () => hooks.scope(space.id);
  const limits = DEFAULT_MEDIA_LIMITS;
  const preparing = { mediaStore, index, encoder, limits, scope, ...(transcriber && { transcriber }) };
  const prepare = createPrepare(preparing);
  const stopping = new AbortController();
  const onSettled = ({ key, sequencer }: SequencedChange, outcome: 'done' | 'failed' | 'dead') => {
    inbox.settled(key, sequencer, outcome);
    schedule.changed();
    hooks.onSettled(space.id, key);
  };
  const options = { maxAttempts: MAX_ATTEMPTS, ...settings.ingest };
  const working = ingest({ queue, index, encoder, prepare, clock, log, onSettled }, options, stopping.signal);
  const stop = async () => {
    stopping.abort();
    await working;
    await schedule.stop();
  };
  return {
    model,
    encoder,
    embedder: createContentEmbedder(encoder, createMediaDecoders()),
    index,
    inbox,
    ...(transcriber && { transcribedBy: transcriber.model }),
    prepareAnew: createPrepare({
      ...preparing,
      index: { item: async () => undefined, itemWithBytes: async () => undefined },
    }),
    compact: fold,
    erase: async (key) => erase({ ...indexDeps, index }, [{ key, sequencer: await inbox.sequencer(key) }]),
    stop,
    close: async () => {
      await stop();
      await index.close();
      await encoder.close();
    },
  };
}

function followFolder(folder: string, { control, catchUp }: LocalSpaces, log: Log) {
  return watchFolder(
    folder,
    async (change) => {
      try {
        if (change === 'rescan') await catchUp();
        else await control.changed(change);
      } catch (error) {
        log.error('folder.change_lost', { folder, error });
      }
    },
    { onDegraded: (reason) => log.warn('folder.not_watched', { folder, reason }) },
  );
}

function describeModels({ live, building }: LocalSpaces): ModelDescription[] {
  const active = new Set(live.members.map(({ encoder }) => encoder.space.id));
  const coming = building?.members.filter(({ encoder }) => !active.has(encoder.space.id)) ?? [];
  return [...live.members, ...coming].map(({ model, encoder }) =>
    describeModel(model, encoder, active.has(encoder.space.id)),
  );
}
