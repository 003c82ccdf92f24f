/** What an evaluation needs: the model, and ways to embed. The same decoding and encoding as in the served program. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOver } from '#functions/api/answer-over.ts';
import type { Answerer } from '#shared/answer/answerer.ts';
import { findReader, openReader } from '#shared/answer/open-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { createZeroShotClassifier, type ZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { silentLog } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { type ContentEmbedder, createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import { indexKeys } from '#shared/ingest/index-keys.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createSearch } from '#shared/search/search.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { createPictureFiles } from './picture-files.ts';

/** The model that answers questions, by name or folder. @throws ChiasmError `not_found` or `model_invalid` */
export async function composeReader(model: string, dataFolder: string): Promise<Reader> {
  return openReader(await findReader(model, { dataFolder }), { openSession: createOnnxSession });
}

export interface Evaluation {
  readonly modelName: string;
  readonly embedder: ContentEmbedder;
  readonly zeroShot: ZeroShotClassifier;
  close(): Promise<void>;
}

/** @throws ChiasmError `not_found` or `model_invalid` */
export async function composeEvaluation(model: string, dataFolder: string): Promise<Evaluation> {
  const encoder = await loadEncoder(await findModel(model, { dataFolder }), { openSession: createOnnxSession });
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  return {
    modelName: encoder.space.id,
    embedder,
    zeroShot: createZeroShotClassifier({ spaceOf: () => ({ encoder, embedder }) }),
    close: () => encoder.close(),
  };
}

export interface Collection {
  readonly modelName: string;
  /** That of `POST /v1/answer`. */
  readonly answerer: Answerer;
  close(): Promise<void>;
}

/**
 * Pictures alone, indexed as the program indexes them: no title, caption or name comes with them.
 * @throws ChiasmError `not_found` or `model_invalid`; `unsupported_modality` when the model does not compare words with pictures;
 * `corrupt_input` for a picture that cannot be read
 */
export async function composeCollection(
  model: string,
  dataFolder: string,
  paths: readonly string[],
  onProgress: (done: number, total: number) => void,
): Promise<Collection> {
  const encoder = await loadEncoder(await findModel(model, { dataFolder }), { openSession: createOnnxSession });
  const modelName = encoder.space.id;
  if (!encoder.modalities.has('image') || !encoder.modalities.has('text')) {
    throw new ChiasmError('unsupported_modality', `${modelName} has no towers for both pictures and text`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-evaluate-'));
  const [clock, log, store] = [systemClock, silentLog, createMemoryObjectStore()];
  const index = await openIndex({ store, space: encoder.space, clock, log, scratchFolder: folder });
  const mediaStore = createPictureFiles(paths);
  const prepare = createPrepare({ mediaStore, index, encoder, limits: DEFAULT_MEDIA_LIMITS });
  const queue = createMemoryQueue<ChangeMessage>({ clock, visibilityMs: 600_000, maxAttempts: 2 });
  const indexing = { queue, index, encoder, prepare, clock, log, nextSequencer: createUlidGenerator(clock) };
  const close = async () => {
    await index.close();
    await encoder.close();
    await rm(folder, { recursive: true, force: true });
  };
  const keys = paths.map((_, i) => String(i));
  await indexKeys(indexing, keys, (done) => onProgress(done, keys.length));
  const items = await Promise.all(keys.map((key) => index.item(key)));
  const failed = items.findIndex((found) => found?.item.status !== 'indexed' || found.item.modality !== 'image');
  if (failed >= 0) {
    await close();
    const reason = items[failed]?.item.failure?.message ?? 'expected a picture, got something else';
    throw new ChiasmError('corrupt_input', `${paths[failed]}: ${reason}`);
  }
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  const spaces = createSpaceSet([{ encoder, embedder, index, modalities: encoder.modalities }]);
  const search = createSearch({ spaces: spaces.members, mediaStore });
  const zeroShot = createZeroShotClassifier(spaces);
  return { modelName, answerer: answerOver({ spaces, search, zeroShot, mediaStore }, {}).answerer, close };
}
