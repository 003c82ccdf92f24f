/** The whole app on real parts: memory stores, the real index, a tiny real model. Indexing happens when a test says so. */

import { join } from 'node:path';
import sharp from 'sharp';
import { createApp } from '#functions/api/app.ts';
import { type AppDependencies, DEFAULT_API_LIMITS, LOOPBACK_HOSTS } from '#functions/api/app-dependencies.ts';
import { createUploadGrants } from '#functions/local/upload-grants.ts';
import { createAlignmentStore } from '#shared/alignments/alignment-store.ts';
import { trainAlignmentJob, trainAlignmentSchema } from '#shared/alignments/train-alignment-job.ts';
import { createAnswerer } from '#shared/answer/answerer.ts';
import { createPhraseCaptioner } from '#shared/answer/phrase-captioner.ts';
import { createRankingReader } from '#shared/answer/ranking-reader.ts';
import type { Change, Part } from '#shared/catalog/item.ts';
import { ATTRIBUTES_METADATA, parseAttributes } from '#shared/catalog/parse-attributes.ts';
import { createClassifierStore } from '#shared/classify/classifier-store.ts';
import { createClassifiers } from '#shared/classify/classifiers.ts';
import { trainClassifier, trainClassifierSchema } from '#shared/classify/train-classifier.ts';
import { createZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { createManualClock } from '#shared/core/clock.ts';
import { createLog, type LogFields } from '#shared/core/log.ts';
import type { Modality } from '#shared/core/modality.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { defineJobKind, type JobKinds } from '#shared/jobs/job-kind.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createJobs } from '#shared/jobs/jobs.ts';
import { createLocalJobRunner } from '#shared/jobs/local-job-runner.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createSearch } from '#shared/search/search.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';

export type Fixture = Awaited<ReturnType<typeof createFixture>>;

/** @param otherKinds of jobs that it does beside training classifiers */
export async function createFixture(overrides: Partial<AppDependencies> = {}, otherKinds: JobKinds = {}) {
  const folder = await temporaryFolder();
  const clock = createManualClock();
  const logged: { readonly event: string; readonly fields: LogFields }[] = [];
  const log = createLog((_level, event, fields) => logged.push({ event, fields }));
  const encoder = await loadEncoder(await makeModelFolder(join(folder, 'model')), { openSession: createOnnxSession });
  const mediaStore = createMemoryObjectStore({ clock });
  const stateStore = createMemoryObjectStore({ clock });
  const index = await openIndex({
    store: stateStore,
    space: encoder.space,
    clock,
    log,
    scratchFolder: join(folder, 'scratch'),
  });
  const embedder = createContentEmbedder(encoder, {
    image: async (bytes, geometry) => (await decodeImage(bytes, geometry)).pixels,
    audio: async () => tone(440, 16_000),
  });
  const spaces = createSpaceSet([{ encoder, embedder, index, modalities: encoder.modalities }]);
  const waiting = new Set<string>();
  const nextSequencer = createUlidGenerator(clock);
  const classifierStore = createClassifierStore(stateStore);
  const alignments = createAlignmentStore(stateStore);
  const training = {
    spaces,
    mediaStore,
    cache: createFeatureCache(stateStore),
    classifiers: classifierStore,
    alignments,
    trainer: { openSession: createOnnxSession },
    clock,
  };
  const kinds: JobKinds = {
    classifier: defineJobKind(trainClassifierSchema, (request, context) => trainClassifier(training, request, context)),
    alignment: defineJobKind(trainAlignmentSchema, (request, context) => trainAlignmentJob(training, request, context)),
    ...otherKinds,
  };
  const classifiers = createClassifiers({
    store: classifierStore,
    openSession: createOnnxSession,
    spaceOf: spaces.spaceOf,
  });
  const jobStore = createJobStore(stateStore);
  const runner = createLocalJobRunner({ jobs: jobStore, kinds, clock, log, owner: 'test', heartbeatMs: 10 });

  /** Pictures and plain texts only; what is no picture by its declared type is a text. */
  async function indexed(key: string): Promise<Change> {
    const object = (await mediaStore.get(key))!;
    const isImage = object.contentType === 'image/png';
    const text = Buffer.from(object.bytes).toString('utf8');
    const parts: Part[] = isImage
      ? [{ range: null, vector: await embedder.image(object.bytes) }]
      : [{ range: { startChar: 0, endChar: text.length }, text, vector: (await embedder.texts([text]))[0]! }];
    const modality: Modality = isImage ? 'image' : 'text';
    const item = {
      key,
      sequencer: nextSequencer(),
      etag: object.etag,
      status: 'indexed' as const,
      modality,
      contentType: object.contentType ?? 'text/plain',
      sizeBytes: object.sizeBytes,
      attributes: parseAttributes(object.metadata?.[ATTRIBUTES_METADATA]),
      indexedAt: new Date(clock.now()).toISOString(),
    };
    return { operation: 'put', item, parts };
  }

  const search = createSearch({ spaces: spaces.members, mediaStore });
  const zeroShot = createZeroShotClassifier(spaces);
  const ranking = createRankingReader({ space: spaces.members[0], zeroShot });
  const deps: AppDependencies = {
    mediaStore,
    stateStore,
    spaces,
    search,
    zeroShot,
    classifiers,
    alignments,
    answerer: createAnswerer({ search, index: spaces.items, mediaStore, reader: ranking, ranking }),
    captioner: createPhraseCaptioner(spaces.members[0]),
    answering: {},
    transcribe: async () => ({ text: 'is there a red thing?', segments: [] }),
    jobs: createJobs({ jobs: jobStore, kinds, runner, clock, nextId: createUlidGenerator(clock) }),
    ingest: {
      changed: async (keys) => {
        for (const key of keys) waiting.add(key);
      },
      remove: async (key) => {
        waiting.delete(key);
        const existed = (await index.item(key)) !== undefined;
        if (existed) await index.apply([{ operation: 'delete', key, sequencer: nextSequencer() }]);
        return existed;
      },
      pending: (key) => waiting.has(key),
      backlog: () => ({ pending: waiting.size, dead: 0, done: 0, failed: 0 }),
    },
    uploads: createUploadGrants(clock),
    health: () => ({ status: 'ready' }),
    models: () => [
      { name: 'tiny', space: encoder.space, modalities: [...encoder.modalities], active: true, licence: 'Apache-2.0' },
    ],
    limits: DEFAULT_API_LIMITS,
    apiKeys: [],
    allowedHosts: LOOPBACK_HOSTS,
    clock,
    log,
    ...overrides,
  };
  const app = createApp(deps);
  const request = async (path: string, init?: RequestInit) => app.request(path, init);
  return {
    app,
    deps,
    clock,
    logged,
    mediaStore,
    stateStore,
    request,
    json: (path: string, body: unknown) =>
      request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    put: (path: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
      request(path, { method: 'PUT', body: typeof body === 'string' ? body : Buffer.from(body), headers }),
    /** Indexes what waits. */
    settle: async () => {
      const changes = await Promise.all([...waiting].map(indexed));
      await index.apply(changes);
      waiting.clear();
    },
    close: async () => {
      await runner.close();
      await classifiers.close();
      await index.close();
      await encoder.close();
    },
  };
}

/** Assertions say what a body looks like. */
type Body = any;

export async function bodyOf(response: Response | Promise<Response>): Promise<Body> {
  return (await response).json();
}

export async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list({ prefix })) keys.push(key);
  return keys;
}

/** A picture of one colour as PNG. */
export async function colourPicture(colour: string, width = 24, height = 16): Promise<Uint8Array> {
  return sharp({ create: { width, height, channels: 3, background: colour } })
    .png()
    .toBuffer();
}

function tone(hz: number, sampleRateHz: number): Float32Array {
  return Float32Array.from({ length: sampleRateHz }, (_, t) => Math.sin((2 * Math.PI * hz * t) / sampleRateHz));
}
