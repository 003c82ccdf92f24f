/** A whole model folder with generated weights of full size, for an entry of the catalogue: its files, under its names. */

import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CATALOGUE } from '#shared/models/catalogue.ts';
import type { CatalogueEntry } from '#shared/models/catalogue-entry.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { familyOfEntry } from '../../models/pull/catalogue-models.ts';
import { bytePairTokenizer, type TinyTokenizer, wordPieceTokenizer } from '../../models/tiny-tokenizers.ts';
import type { Precision } from './graph-builder.ts';
import * as towers from './towers.ts';

type FamilyOfEntry = ReturnType<typeof familyOfEntry>;

const HALF = [0.5, 0.5, 0.5];
const IMAGENET = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const CLIP = {
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
const PICTURE = { do_resize: true, do_rescale: true, rescale_factor: 1 / 255, do_normalize: true };
const CROP = { ...PICTURE, resample: 3, do_center_crop: true, crop_size: { height: 224, width: 224 } };

/** `preprocessor_config.json` as the originals have it. */
const PREPROCESSORS: Readonly<Partial<Record<FamilyOfEntry, object>>> = {
  clip: { ...CROP, ...CLIP, size: { shortest_edge: 224 }, image_processor_type: 'CLIPImageProcessor' },
  siglip: {
    ...PICTURE,
    image_processor_type: 'SiglipImageProcessor',
    size: { height: 224, width: 224 },
    resample: 2,
    image_mean: HALF,
    image_std: HALF,
  },
  dinov2: { ...CROP, ...IMAGENET, size: { shortest_edge: 256 }, image_processor_type: 'BitImageProcessor' },
  clap: {
    feature_extractor_type: 'ClapFeatureExtractor',
    feature_size: 64,
    fft_window_size: 1024,
    frequency_max: 14_000,
    frequency_min: 50,
    hop_length: 480,
    max_length_s: 10,
    nb_frequency_bins: 513,
    nb_max_samples: 480_000,
    padding: 'repeatpad',
    padding_value: 0,
    sampling_rate: 48_000,
    top_db: null,
    truncation: 'rand_trunc',
  },
};

const CONFIGS: Readonly<Partial<Record<FamilyOfEntry, object>>> = {
  clip: { model_type: 'clip', projection_dim: 512, text_config: { max_position_embeddings: 77 }, vision_config: {} },
  siglip: { model_type: 'siglip', text_config: { max_position_embeddings: 64 }, vision_config: {} },
  dinov2: { model_type: 'dinov2', hidden_size: 384 },
  clap: { model_type: 'clap', projection_dim: 512, text_config: { max_position_embeddings: 514 }, audio_config: {} },
  sentence: { model_type: 'bert', max_position_embeddings: 512, hidden_size: 384, pad_token_id: 0 },
};

const TOKENIZERS: Readonly<Partial<Record<FamilyOfEntry, () => TinyTokenizer>>> = {
  clip: () => bytePairTokenizer(77),
  siglip: () => wordPieceTokenizer(64),
  clap: () => wordPieceTokenizer(512),
  sentence: () => wordPieceTokenizer(512),
};

/** Writes what is not there yet; returns the folder. */
export async function writeTowerModel(name: string, parent: string): Promise<string> {
  const entry = CATALOGUE.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`no model ${name} in the catalogue`);
  const folder = join(parent, name);
  const family = familyOfEntry(entry);
  const tokenizer = TOKENIZERS[family]?.();
  const texts: Record<string, object | undefined> = {
    'config.json': CONFIGS[family],
    'preprocessor_config.json': PREPROCESSORS[family],
    'tokenizer.json': tokenizer?.json,
    'tokenizer_config.json': tokenizer?.config,
  };
  for (const { path } of entry.files) {
    const target = join(folder, path);
    if (await stat(target).catch(() => undefined)) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(
      target,
      path.endsWith('.onnx') ? writeOnnx(graphOf(entry, path)) : JSON.stringify(texts[path], null, 2),
    );
  }
  return folder;
}

function graphOf(entry: CatalogueEntry, path: string): Graph {
  const precision: Precision = /_(quantized|int8)\.onnx$/.test(path) ? 'int8' : 'float32';
  const family = familyOfEntry(entry);
  const isText = path.includes('text_model');
  if (family === 'clip') return isText ? towers.clipText(precision) : towers.clipVision(precision);
  if (family === 'clap') return isText ? towers.clapText(precision) : towers.clapAudio(precision);
  if (family === 'dinov2') return towers.dinov2(precision);
  if (family === 'siglip') {
    const vocabulary = entry.repository.includes('siglip2') ? 256_000 : 32_000;
    return isText ? towers.siglipText(precision, vocabulary) : towers.siglipVision(precision);
  }
  const multilingual = entry.repository.includes('multilingual');
  return towers.miniLm(precision, multilingual ? 12 : 6, multilingual ? 250_037 : 30_522);
}
