/** The API in AWS: buckets for stores, SQS for the queue, presigned addresses for bytes, tasks of ECS for jobs. */

import { composeTelemetry, openBucket, openServedSpace, openSpeech, openWorkQueue } from '#functions/cloud/compose.ts';
import { eraseElsewhere } from '#functions/cloud/erase-elsewhere.ts';
import { composeJobRunner } from '#functions/cloud/job-runner.ts';
import { reseedRandom } from '#functions/cloud/reseed-random.ts';
import { createConsole } from '#functions/console/console.ts';
import { createJobKinds } from '#functions/trainer/job-kinds.ts';
import { createAlignmentStore } from '#shared/alignments/alignment-store.ts';
import { openReader } from '#shared/answer/open-reader.ts';
import { ATTRIBUTES_METADATA } from '#shared/catalog/parse-attributes.ts';
import { createClassifierStore } from '#shared/classify/classifier-store.ts';
import { createClassifiers } from '#shared/classify/classifiers.ts';
import { createZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { toChiasmError } from '#shared/core/errors.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { createInbox, type Inbox } from '#shared/ingest/inbox.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createJobs } from '#shared/jobs/jobs.ts';
import type { QueueDepth } from '#shared/queue/queue.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createSearch } from '#shared/search/search.ts';
import { createAlignmentBridges } from '#shared/spaces/alignment-bridges.ts';
import { createS3UploadSigner } from '#shared/store/s3-upload-signer.ts';
import type { UploadSigner } from '#shared/store/upload-signer.ts';
import { erase, mergeReceipts } from '#shared/vector-index/erase.ts';
import { answerOver } from './answer-over.ts';
import { createApp } from './app.ts';
import { type AppDependencies, DEFAULT_API_LIMITS } from './app-dependencies.ts';
import { attributesJson } from './attributes-header.ts';
import { describeModel } from './describe-model.ts';
import type { ApiEnvironment } from './env.ts';
import { createFollower } from './follow.ts';
import { createFront } from './front.ts';

/** As long as a slow upload of a large file takes. */
const UPLOAD_SECONDS = 15 * 60;
/** A page of results may stay open for a while before its pictures are asked for. */
const DOWNLOAD_SECONDS = 60 * 60;
/** A stream takes a whole function, and is to end well before the time of the function does. */
const FOLLOW_MS = 2 * 60_000;

export async function composeApi(environment: ApiEnvironment) {
  const { clock, log, metrics } = composeTelemetry(environment, 'api');
  const mediaStore = openBucket(environment.CHIASM_MEDIA_BUCKET);
  const stateStore = openBucket(environment.CHIASM_STATE_BUCKET);
  const openSession = createThreadedSession;
  const [{ model, encoder, index, indexDeps, spaces }, queue, reader, speech] = await Promise.all([
    openServedSpace(environment, stateStore, { clock, log }),
    openWorkQueue(environment, log),
    environment.CHIASM_READER === undefined ? undefined : openReader(environment.CHIASM_READER, { openSession }),
    openSpeech(environment),
  ]);
  const nextUlid = createUlidGenerator(clock);
  const inbox = createInbox({ queue, index, clock, nextSequencer: nextUlid });
  const ingest = followedBacklog(inbox);
  const signer = createS3UploadSigner({ bucket: environment.CHIASM_MEDIA_BUCKET });
  const kinds = createJobKinds({ mediaStore, stateStore, spaces: () => spaces, openSession, clock });
  const alignments = createAlignmentStore(stateStore);
  const bridges = createAlignmentBridges({ alignments, trainer: { openSession }, clock, log });
  const search = createSearch({ spaces: spaces.members, mediaStore, bridges });
  const zeroShot = createZeroShotClassifier(spaces);
  const app = createApp({
    mediaStore,
    stateStore,
    spaces,
    search,
    zeroShot,
    ...answerOver({ spaces, search, zeroShot, mediaStore }, { ...(reader && { reader }), ...(speech && { speech }) }),
    classifiers: createClassifiers({
      store: createClassifierStore(stateStore),
      openSession,
      spaceOf: (modality) => spaces.spaceOf(modality),
    }),
    alignments,
    jobs: createJobs({
      jobs: createJobStore(stateStore),
      kinds,
      runner: composeJobRunner(environment),
      clock,
      nextId: nextUlid,
    }),
    ingest: ingest.control,
    uploads: signedUploads(signer),
    health: () => {
      const { degraded } = index.statistics();
      return degraded === undefined ? { status: 'ready' } : { status: 'degraded', detail: degraded };
    },
    models: () => [describeModel(model, encoder)],
    objectUrl: async (key) => (await signer.presignGet(key, { expiresInSeconds: DOWNLOAD_SECONDS })).url,
    erase: async (key) => {
      const own = await erase({ ...indexDeps, index }, [{ key, sequencer: await inbox.sequencer(key) }]);
      return mergeReceipts([own, ...(await eraseElsewhere(environment, indexDeps, key))]);
    },
    limits: { ...DEFAULT_API_LIMITS, followMs: FOLLOW_MS },
    apiKeys: [], // API Gateway asks for them
    allowedHosts: 'any',
    clock,
    log,
    site: createConsole({ mediaOrigins: [await originOf(signer)] }),
  });
  const look = async () => {
    // in this order: when nothing is shown to wait, the index holds what was worked on
    const depth = await queue
      .depth()
      .catch((error) => log.warn('api.queue_not_counted', { error: toChiasmError(error) }));
    await index.refresh();
    if (depth) ingest.show(depth);
  };
  const follow = createFollower(look, clock);
  const indexState = () => {
    const { degraded, unfoldedSinceMs } = index.statistics();
    return { degraded: degraded !== undefined, unfoldedSinceMs };
  };
  return createFront(
    { app, metrics, clock, follow, indexState, onFirstRequest: reseedRandom },
    { consoleOrigin: environment.CHIASM_CONSOLE_ORIGIN },
  );
}

/** What waits is known to the queue alone: other programs work on it. It is counted when news are looked for. */
function followedBacklog(inbox: Inbox) {
  let counted = { pending: 0, dead: 0 };
  const control: AppDependencies['ingest'] = {
    changed: inbox.changed,
    remove: inbox.remove,
    pending: () => false,
    backlog: () => ({ ...counted, done: 0, failed: 0 }),
  };
  return {
    control,
    show: ({ waiting, inFlight, dead }: QueueDepth) => {
      counted = { pending: waiting + inFlight, dead };
    },
  };
}

function signedUploads(signer: UploadSigner): AppDependencies['uploads'] {
  return {
    grant: async ({ key, contentType, sizeBytes, attributes }) => {
      const given = Object.keys(attributes).length > 0;
      const { url, headers, expiresAt } = await signer.presignPut(key, {
        contentType,
        sizeBytes,
        expiresInSeconds: UPLOAD_SECONDS,
        ...(given && { metadata: { [ATTRIBUTES_METADATA]: attributesJson(attributes) } }),
      });
      return { url, headers, expiresAtMs: expiresAt.getTime() };
    },
  };
}

/** Where presigned addresses lead: the page of the console may load from there. */
async function originOf(signer: UploadSigner): Promise<string> {
  return new URL((await signer.presignGet('origin', { expiresInSeconds: 1 })).url).origin;
}
