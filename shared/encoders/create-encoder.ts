/** The encoder over a model folder: tokenizer, tensors and towers put together behind the `Encoder` port. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { towersOf } from '#shared/models/model-family.ts';
import { type ModelFolder, type ModelFolderOptions, openModelFolder } from '#shared/models/model-folder.ts';
import type { OpenSession, SessionOptions } from '#shared/runtime/session.ts';
import { createAudioEmbedder } from './audio-embedder.ts';
import type { Encoder } from './encoder.ts';
import { createImageEmbedder } from './image-embedder.ts';
import { createTextEmbedder } from './text-embedder.ts';
import { openTower, type Tower } from './tower.ts';

export interface EncoderDependencies {
  readonly openSession: OpenSession;
}

export interface EncoderOptions extends SessionOptions {
  /** Most pictures or clips in one run; bounds the memory. @default 16 */
  readonly maxBatch?: number;
  /** Towers to open. @default all that the folder has */
  readonly modalities?: readonly Modality[];
}

const DEFAULT_MAX_BATCH = 16;

/** Opens the model folder at `path` and its encoder. @throws ChiasmError `not_found`, `model_invalid`, `too_large` */
export async function loadEncoder(
  path: string,
  dependencies: EncoderDependencies,
  options: EncoderOptions & ModelFolderOptions = {},
): Promise<Encoder> {
  return createEncoder(await openModelFolder(path, options), dependencies, options);
}

/**
 * Opens the towers and runs each of them once, which proves that they fit together and takes the slow first run away
 * from the first user.
 * @throws ChiasmError `model_invalid` when a graph cannot be loaded or does not fit its folder
 */
export async function createEncoder(
  folder: ModelFolder,
  dependencies: EncoderDependencies,
  options: EncoderOptions = {},
): Promise<Encoder> {
  const towers = await openTowers(folder, dependencies.openSession, options);
  const close = async () => void (await Promise.all([...towers.values()].map((tower) => tower.close())));
  try {
    return await assemble(folder, towers, options.maxBatch ?? DEFAULT_MAX_BATCH, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openTowers(
  folder: ModelFolder,
  openSession: OpenSession,
  options: EncoderOptions,
): Promise<ReadonlyMap<Modality, Tower>> {
  const towers = new Map<Modality, Tower>();
  const opened = await Promise.allSettled(
    towersOf(folder.family).map(async ([modality, layout]) => {
      const path = folder.graphs[modality];
      if (path === undefined || options.modalities?.includes(modality) === false) return;
      towers.set(modality, await openTower(path, layout, openSession, options));
    }),
  );
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all([...towers.values()].map((tower) => tower.close()));
    throw failed.reason;
  }
  return towers;
}

async function assemble(
  folder: ModelFolder,
  towers: ReadonlyMap<Modality, Tower>,
  maxBatch: number,
  close: () => Promise<void>,
): Promise<Encoder> {
  const [textTower, imageTower, audioTower] = [towers.get('text'), towers.get('image'), towers.get('audio')];
  const text = textTower && createTextEmbedder(folder, textTower);
  const image = imageTower && folder.image && createImageEmbedder(imageTower, folder.image, maxBatch);
  const audio = audioTower && folder.audio && createAudioEmbedder(audioTower, folder.audio, maxBatch);
  const probes = { text: await text?.probe(), image: await image?.probe(), audio: await audio?.probe() };
  const absent = (modality: Modality) => async () => {
    throw new ChiasmError('unsupported_modality', `the model ${folder.name} has no tower for ${modality}`);
  };

  return {
    space: {
      id: folder.spaceId,
      dimensions: commonDimensions(folder, probes),
      calibration: folder.card?.calibration ?? {},
    },
    modalities: new Set(towers.keys()),
    image: image && folder.image?.geometry,
    audio: audio &&
      folder.audio && { sampleRateHz: folder.audio.sampling_rate, windowSeconds: folder.audio.max_length_s },
    maxTokens: text?.maxTokens,
    queryTemplates: folder.card?.queryTemplates ?? folder.family.queryTemplates,
    embedTexts: text?.embed ?? absent('text'),
    embedImages: image?.embed ?? absent('image'),
    embedAudio: audio?.embed ?? absent('audio'),
    ...(image?.features && { imageFeatures: image.features }),
    close,
  };
}

/** D, when every tower gives vectors of one size and it is the card's. */
function commonDimensions(folder: ModelFolder, probes: Partial<Record<Modality, Float32Array | undefined>>): number {
  const sizes = Object.entries(probes).flatMap(([modality, row]) => (row ? [[modality, row.length] as const] : []));
  const expected = folder.card?.dimensions ?? sizes[0]?.[1];
  if (expected === undefined) throw new ChiasmError('model_invalid', `no tower of ${folder.path} was opened`);
  const wrong = sizes.find(([, size]) => size !== expected);
  if (!wrong) return expected;
  throw new ChiasmError(
    'model_invalid',
    `${folder.graphs[wrong[0] as Modality]}: expected vectors of ${expected} dimensions; got ${wrong[1]}`,
  );
}
