/**
 * Writes a tiny, complete, real model folder, in a few milliseconds: real ONNX graphs, a real tokenizer, and meaning
 * that can be tested from end to end. Solid pictures are found by their colour ("red", "crimson", "green", "blue",
 * "yellow", "cyan", "magenta", "white", "black"), pure tones by "low" (to 300 Hz), "middle", "high" (from 2.5 kHz).
 *
 *     const folder = await makeModelFolder(join(temporary, 'model'));
 *     const encoder = await loadEncoder(folder, { openSession: createOnnxSession });
 */

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FamilyName } from '#shared/models/model-family.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { bytePairTokenizer, type TinyTokenizer, wordPieceTokenizer } from './tiny-tokenizers.ts';
import { audioGraph, melGraph, textGraph, tokenEmbeddings, tokenGraph, visionGraph } from './tiny-towers.ts';

export interface ModelFolderSettings {
  /** D, at least 16. @default 32 */
  readonly dimensions?: number;
  /** Pixels on each side; a multiple of 4. @default 16 */
  readonly imageSize?: number;
  /** `chiasm-starter` has all three towers and a card; the others are as their exports, without one. @default 'chiasm-starter' */
  readonly family?: FamilyName;
  /** Another seed is another space. @default 1 */
  readonly seed?: number;
  /** Longest sound in seconds. @default 5 */
  readonly windowSeconds?: number;
  /** Write `chiasm.json`. @default true for chiasm-starter */
  readonly card?: boolean;
}

type Settings = Required<Omit<ModelFolderSettings, 'card' | 'family'>>;
type Files = Record<string, Uint8Array>;

const SAMPLE_RATE_HZ = 16_000;
const MEL = { sampleRateHz: 48_000, hop: 480, bins: 64, lowHz: 50, highHz: 14_000 };
const MAX_TOKENS = 16;

/** Returns `target`, which is created. */
export async function makeModelFolder(target: string, settings: ModelFolderSettings = {}): Promise<string> {
  const family = settings.family ?? 'chiasm-starter';
  const complete = {
    dimensions: settings.dimensions ?? 32,
    imageSize: settings.imageSize ?? 16,
    seed: settings.seed ?? 1,
    windowSeconds: settings.windowSeconds ?? 5,
  };
  const files = FAMILY_FILES[family](complete);
  if (settings.card ?? family === 'chiasm-starter') files['chiasm.json'] = json(makeCard(files, complete.dimensions));
  await mkdir(join(target, 'onnx'), { recursive: true });
  await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(join(target, name), bytes)));
  return target;
}

/** The card that fits `files`. */
function makeCard(files: Readonly<Files>, dimensions: number): object {
  const listed = Object.entries(files).filter(([name]) => name !== 'chiasm.json');
  const modalities = { text: 'text_model', image: 'vision_model', audio: 'audio_model' };
  return {
    name: 'tiny',
    version: '1',
    licence: 'Apache-2.0',
    summary: 'A tiny model that knows colours and tones; for tests.',
    dimensions,
    modalities: Object.entries(modalities).flatMap(([modality, stem]) =>
      files[`onnx/${stem}.onnx`] ? [modality] : [],
    ),
    files: Object.fromEntries(
      listed.map(([name, bytes]) => [
        name,
        { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length },
      ]),
    ),
    calibration: {
      'text-image': { scale: 12, bias: -6 },
      'text-audio': { scale: 12, bias: -6 },
      'text-text': { scale: 12, bias: -6 },
      'image-image': { scale: 20, bias: -16 },
      'audio-audio': { scale: 20, bias: -16 },
      'audio-image': { scale: 12, bias: -6 },
    },
    queryTemplates: { image: ['a photo of a {}'], audio: ['the sound of {}'] },
    metrics: [],
    limits: ['Knows nine colours and three pitches.'],
    data: [],
  };
}

const json = (value: object): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

const tokenizerFiles = (tokenizer: TinyTokenizer): Files => ({
  'tokenizer.json': json(tokenizer.json),
  'tokenizer_config.json': json(tokenizer.config),
});

const graph = (stem: string, content: Graph): Files => ({ [`onnx/${stem}.onnx`]: writeOnnx(content) });

const table = (tokenizer: TinyTokenizer, { dimensions, seed }: Settings): Float32Array =>
  tokenEmbeddings(tokenizer.tokens, tokenizer.padId, dimensions, seed);

const squash = ({ imageSize }: Settings) => ({
  image_processor_type: 'SiglipImageProcessor',
  do_resize: true,
  size: { height: imageSize, width: imageSize },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
});

const crop = (settings: Settings) => ({
  ...squash(settings),
  image_processor_type: 'CLIPImageProcessor',
  size: { shortest_edge: settings.imageSize },
  do_center_crop: true,
  crop_size: { height: settings.imageSize, width: settings.imageSize },
});

const FAMILY_FILES: Readonly<Record<FamilyName, (settings: Settings) => Files>> = {
  'chiasm-starter': (settings) => {
    const { dimensions, imageSize, seed, windowSeconds } = settings;
    const tokenizer = wordPieceTokenizer(MAX_TOKENS);
    return {
      'config.json': json({ model_type: 'chiasm-starter', projection_dim: dimensions }),
      'preprocessor_config.json': json({
        ...squash(settings),
        audio: {
          feature_extractor_type: 'Wav2Vec2FeatureExtractor',
          sampling_rate: SAMPLE_RATE_HZ,
          feature_size: 1,
          do_normalize: false,
          padding_value: 0,
          max_length_s: windowSeconds,
          min_length_s: Math.min(1, windowSeconds),
        },
      }),
      ...tokenizerFiles(tokenizer),
      ...graph(
        'text_model',
        textGraph(table(tokenizer, settings), dimensions, { output: 'text_embeds', normalise: true, mask: false }),
      ),
      ...graph('vision_model', visionGraph(dimensions, imageSize, seed, { output: 'image_embeds', normalise: true })),
      ...graph(
        'audio_model',
        audioGraph(dimensions, SAMPLE_RATE_HZ, seed, { output: 'audio_embeds', normalise: true }),
      ),
    };
  },
  clip: (settings) => {
    const { dimensions, imageSize, seed } = settings;
    const tokenizer = bytePairTokenizer(MAX_TOKENS);
    const text = textGraph(table(tokenizer, settings), dimensions, {
      output: 'text_embeds',
      normalise: false,
      mask: true,
    });
    return {
      'config.json': json({
        model_type: 'clip',
        projection_dim: dimensions,
        text_config: { model_type: 'clip_text_model' },
      }),
      'preprocessor_config.json': json(crop(settings)),
      ...tokenizerFiles(tokenizer),
      ...graph('text_model', text),
      ...graph('vision_model', visionGraph(dimensions, imageSize, seed, { output: 'image_embeds', normalise: false })),
    };
  },
  siglip: (settings) => {
    const { dimensions, imageSize, seed } = settings;
    const tokenizer = wordPieceTokenizer(MAX_TOKENS);
    const text = textGraph(table(tokenizer, settings), dimensions, {
      output: 'pooler_output',
      normalise: false,
      mask: false,
    });
    return {
      'config.json': json({ model_type: 'siglip', text_config: {}, vision_config: {} }),
      'preprocessor_config.json': json(squash(settings)),
      ...tokenizerFiles(tokenizer),
      ...graph('text_model', text),
      ...graph('vision_model', visionGraph(dimensions, imageSize, seed, { output: 'pooler_output', normalise: false })),
    };
  },
  clap: (settings) => {
    const { dimensions, seed, windowSeconds } = settings;
    const tokenizer = wordPieceTokenizer(MAX_TOKENS);
    const frames = 1 + Math.floor((windowSeconds * MEL.sampleRateHz) / MEL.hop);
    const text = textGraph(table(tokenizer, settings), dimensions, {
      output: 'text_embeds',
      normalise: false,
      mask: true,
    });
    return {
      'config.json': json({ model_type: 'clap', projection_dim: dimensions, audio_config: {}, text_config: {} }),
      'preprocessor_config.json': json({
        feature_extractor_type: 'ClapFeatureExtractor',
        sampling_rate: MEL.sampleRateHz,
        feature_size: MEL.bins,
        fft_window_size: 1024,
        hop_length: MEL.hop,
        max_length_s: windowSeconds,
        frequency_min: MEL.lowHz,
        frequency_max: MEL.highHz,
        padding: 'repeatpad',
        padding_value: 0,
        top_db: null,
        truncation: 'rand_trunc',
      }),
      ...tokenizerFiles(tokenizer),
      ...graph('text_model', text),
      ...graph(
        'audio_model',
        melGraph(dimensions, seed, { ...MEL, frames }, { output: 'audio_embeds', normalise: false }),
      ),
    };
  },
  dinov2: (settings) => {
    const { dimensions, imageSize, seed } = settings;
    const vision = visionGraph(dimensions, imageSize, seed, {
      output: 'last_hidden_state',
      normalise: false,
      tokens: true,
    });
    return {
      'config.json': json({ model_type: 'dinov2', hidden_size: dimensions }),
      'preprocessor_config.json': json({ ...crop(settings), image_processor_type: 'BitImageProcessor' }),
      ...graph('model', vision),
    };
  },
  sentence: (settings) => {
    const tokenizer = wordPieceTokenizer(MAX_TOKENS);
    return {
      'config.json': json({ model_type: 'bert', max_position_embeddings: MAX_TOKENS, pad_token_id: 0 }),
      ...tokenizerFiles(tokenizer),
      ...graph('model', tokenGraph(table(tokenizer, settings), settings.dimensions, 'last_hidden_state')),
    };
  },
};
