/**
 * Models that `npm run models -- pull NAME` fetches. Revisions are commits at the hub; sizes and digests are those of the
 * files at that commit, and what is not listed is checked against the digest that the hub itself sends.
 */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { type CatalogueEntry, type CatalogueFile, catalogueEntrySchema } from './catalogue-entry.ts';

const file = (path: string, sizeBytes?: number, sha256?: string): CatalogueFile => ({
  path,
  ...(sizeBytes !== undefined && { sizeBytes }),
  ...(sha256 !== undefined && { sha256 }),
});
const CONFIG = file('config.json');
const TOKENIZER_CONFIG = file('tokenizer_config.json');
const PREPROCESSOR = file('preprocessor_config.json');
const MIT = { name: 'MIT', commercialUse: true };
const APACHE = { name: 'Apache-2.0', commercialUse: true };

const CLIP: Omit<CatalogueEntry, 'name' | 'summary' | 'files'> = {
  repository: 'Xenova/clip-vit-base-patch32',
  revision: 'd15189d7028b43f1d3e65039190477f6af591c2a',
  licence: MIT,
  dimensions: 512,
  modalities: ['text', 'image'],
  languages: 'English',
  published: [
    { metric: 'COCO R@5', value: 0.559, source: 'LAION CLIP_benchmark, ViT-B-32 openai, text to picture' },
    { metric: 'Flickr30k R@5', value: 0.834, source: 'LAION CLIP_benchmark, ViT-B-32 openai, text to picture' },
  ],
};
const CLIP_FILES = [CONFIG, PREPROCESSOR, TOKENIZER_CONFIG, file('tokenizer.json')];

/** SiglipModel.logit_scale (its exponential) and logit_bias of google/siglip-base-patch16-224, as three projects read them. */
const SIGLIP_CALIBRATION = { scale: 117.33076477050781, bias: -12.9324369430542 };
/** Siglip2Model.logit_scale (its exponential) and logit_bias of google/siglip2-base-patch16-224. */
const SIGLIP2_CALIBRATION = { scale: 112.66889953613281, bias: -16.771724700927734 };
const SIGLIP2: Omit<CatalogueEntry, 'name' | 'summary' | 'files'> = {
  repository: 'onnx-community/siglip2-base-patch16-224-ONNX',
  revision: 'ba1f3b0843f24bc5417d38e19c37b287d719b2f4',
  licence: { ...APACHE, note: 'of the weights; the export states none of its own' },
  dimensions: 768,
  modalities: ['text', 'image'],
  languages: 'over 100',
  calibration: { 'image-text': SIGLIP2_CALIBRATION },
  published: [
    { metric: 'COCO R@1', value: 0.521, source: 'Tschannen et al. 2025, table 1, text to picture' },
    { metric: 'Flickr30k R@1', value: 0.807, source: 'Tschannen et al. 2025, table 1, text to picture' },
    { metric: 'XM3600 R@1', value: 0.403, source: 'Tschannen et al. 2025, table 1, text to picture, 36 languages' },
  ],
};
const SIGLIP2_FILES = [
  file('config.json', 435, 'e43a9f7692d3819886a82cb2097048258d444f123c67d37ec825f9345b019cf2'),
  file('preprocessor_config.json', 394, '9b36b57ebaf20f09bf4c22100ccc21877ea6bfe5aead0c00c59f8af8ccefacfc'),
  TOKENIZER_CONFIG,
  file('tokenizer.json', 34_363_039, 'cb9140fae3ac5122c972d37adf83e1248471a38147ad76f8215c8872c6fd8322'),
];

const CLAP: Omit<CatalogueEntry, 'name' | 'summary' | 'files'> = {
  repository: 'Xenova/clap-htsat-unfused',
  revision: 'c28f2883575e590e04d3146ff0713c2448d691ba',
  licence: { name: 'CC-BY-4.0', commercialUse: true, note: 'name LAION where you pass the model on' },
  dimensions: 512,
  modalities: ['text', 'audio'],
  languages: 'English',
  published: [
    { metric: 'ESC-50 zero-shot', value: 0.9155, source: 'pymill, this checkpoint, accuracy over 50 classes' },
  ],
};
const CLAP_FILES = [
  CONFIG,
  PREPROCESSOR,
  TOKENIZER_CONFIG,
  file('tokenizer.json', undefined, 'dc239041d98de27ffc3975473a1a23e3db4c937b23c138c38bbc66588bd247e5'),
];

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'siglip2-base',
    summary: 'SigLIP 2 B/16, 224 pixels: the best of these for pictures, in many languages',
    ...SIGLIP2,
    files: [
      ...SIGLIP2_FILES,
      file('onnx/vision_model.onnx', 371_807_752, 'c0573e3f4140c3a7c4e9cc5912bd6b26a033b46a6a8e8af26cbea262b163bcad'),
      file('onnx/text_model.onnx', 1_129_469_657, 'baf12d941beabafafb14f7b4adb38dc15be18681b964a84410ec53d9d65e6293'),
    ],
  },
  {
    name: 'siglip2-base-int8',
    summary: 'the same with weights of 8 bits: a quarter of the size, probabilities less exact',
    ...SIGLIP2,
    published: [], // nobody has published figures of these graphs
    files: [
      ...SIGLIP2_FILES,
      file(
        'onnx/vision_model_int8.onnx',
        94_553_333,
        '0dd31785a2713f1113ef2272472165c69d580473dae38d7b47568ac587795e70',
      ),
      file(
        'onnx/text_model_int8.onnx',
        283_438_275,
        '3a0603d3a00c05a80a6ded4743c16aaac7b1e62cdcc7e362e7ce418659b96400',
      ),
    ],
  },
  {
    name: 'siglip-base',
    summary: 'SigLIP B/16, 224 pixels: English, smaller text tower than SigLIP 2',
    repository: 'Xenova/siglip-base-patch16-224',
    revision: '4649052661e53c7000355844105f8a1792088239',
    licence: APACHE,
    dimensions: 768,
    modalities: ['text', 'image'],
    languages: 'English',
    calibration: { 'image-text': SIGLIP_CALIBRATION },
    files: [
      CONFIG,
      PREPROCESSOR,
      TOKENIZER_CONFIG,
      file('tokenizer.json', 2_398_744, '4a17c975210be5ab4c36b47d8dae4eefb866dbfb1e676e394aad85dc30a3ae08'),
      file('onnx/vision_model.onnx', 371_819_850, 'f89d41bac7f4d4b87e010a467d93f98689d708916ed22f5a07f96fdfa26f475f'),
      file('onnx/text_model.onnx', 441_332_132, '3aa7fdbd20eaa8740cce17bf82913de641fcb632a768fed59f661cdcd0c32553'),
    ],
    published: [
      { metric: 'COCO R@1', value: 0.472, source: 'Tschannen et al. 2025, table 1, text to picture' },
      { metric: 'Flickr30k R@1', value: 0.779, source: 'Tschannen et al. 2025, table 1, text to picture' },
    ],
  },
  {
    name: 'clip-vit-base-patch32',
    summary: 'CLIP ViT-B/32: the fastest of the large ones for pictures',
    ...CLIP,
    files: [
      ...CLIP_FILES,
      file('onnx/vision_model.onnx', 351_685_709, 'fd6e1402a588279d1723c7534d4bcba5bc0b14b47dfab0e46f8c47b8270d7d40'),
      file('onnx/text_model.onnx', 254_058_553, '3f6571f5bad13a97c469c1622e1cfc4d9aef78b79fdbfcff804ca357bfada8cc'),
    ],
  },
  {
    name: 'clip-vit-base-patch32-int8',
    summary: 'the same with weights of 8 bits',
    ...CLIP,
    published: [], // nobody has published figures of these graphs
    files: [
      ...CLIP_FILES,
      file(
        'onnx/vision_model_quantized.onnx',
        89_117_001,
        '583fd1110a514667812fee7d684952aaf82a99b959760c8d7dca7e0ab9839299',
      ),
      file(
        'onnx/text_model_quantized.onnx',
        64_504_507,
        '73baab855d406190da9faa498cfedf65f15cf309f4cc7385b7b032e6d08e5c3a',
      ),
    ],
  },
  {
    name: 'clap',
    summary: 'CLAP HTSAT: sounds by description',
    ...CLAP,
    files: [...CLAP_FILES, file('onnx/audio_model.onnx'), file('onnx/text_model.onnx')],
    approximateBytes: 622_000_000,
  },
  {
    name: 'clap-int8',
    summary: 'the same with weights of 8 bits',
    ...CLAP,
    published: [], // nobody has published figures of these graphs
    files: [
      ...CLAP_FILES,
      file(
        'onnx/audio_model_quantized.onnx',
        34_301_667,
        '3fcff2c8824e7bcb83a983f2a49edab3b60cbcf4872ac70efee517355173bd1f',
      ),
      file(
        'onnx/text_model_quantized.onnx',
        126_603_263,
        '1a3df8b197e249816e08415fd040434c44762b2eea7eb7bf8a48a0f0bf3c14e5',
      ),
    ],
  },
  {
    name: 'dinov2-small',
    summary: 'DINOv2 ViT-S/14: pictures by picture, for near-duplicates',
    repository: 'onnx-community/dinov2-small-ONNX',
    revision: '08c606e3123472a388efa59181b677d428f69bbd',
    licence: APACHE,
    dimensions: 384,
    modalities: ['image'],
    languages: '-',
    files: [
      CONFIG,
      PREPROCESSOR,
      file('onnx/model.onnx', undefined, '6266c3cd72db6953cecdcbfeab9422a9f783d96f1a4e296ba70ffbac43b54a18'),
    ],
    approximateBytes: 88_500_000,
    published: [{ metric: 'ImageNet k-NN', value: 0.79, source: 'Oquab et al. 2023, table 4, ViT-S/14' }],
  },
  {
    name: 'minilm',
    summary: 'all-MiniLM-L6-v2: texts by text',
    repository: 'Xenova/all-MiniLM-L6-v2',
    revision: '751bff37182d3f1213fa05d7196b954e230abad9',
    licence: APACHE,
    dimensions: 384,
    modalities: ['text'],
    languages: 'English',
    files: [
      file('config.json', undefined, '7135149f7cffa1a573466c6e4d8423ed73b62fd2332c575bf738a0d033f70df7'),
      TOKENIZER_CONFIG,
      file('tokenizer.json', undefined, 'da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0'),
      file('onnx/model.onnx', 90_387_606, '759c3cd2b7fe7e93933ad23c4c9181b7396442a2ed746ec7c1d46192c469c46e'),
    ],
    published: [{ metric: 'semantic search', value: 0.4954, source: 'sbert.net, mean over 6 data sets' }],
  },
  {
    name: 'minilm-multilingual',
    summary: 'paraphrase-multilingual-MiniLM-L12-v2, 8 bits: texts by text',
    repository: 'Xenova/paraphrase-multilingual-MiniLM-L12-v2',
    revision: '2c4055b12046f11709e9df2c122e59ffbdc2f900',
    licence: APACHE,
    dimensions: 384,
    modalities: ['text'],
    languages: 'over 50',
    files: [
      CONFIG,
      TOKENIZER_CONFIG,
      file('tokenizer.json', 17_082_913, 'b60b6b43406a48bf3638526314f3d232d97058bc93472ff2de930d43686fa441'),
      file(
        'onnx/model_quantized.onnx',
        118_308_126,
        '66fc00f5f29afcaff34092e1bdd20008ca3918265a82fb9695a551e510cc4ebc',
      ),
    ],
    published: [{ metric: 'semantic search', value: 0.3919, source: 'sbert.net, mean over 6 data sets' }],
  },
  {
    name: 'whisper-base',
    summary: 'Whisper base, 8 bits: writes down what is said',
    repository: 'Xenova/whisper-base',
    revision: '64da57285918e20ea79ea5c88eed7197933abaa8',
    licence: APACHE,
    task: 'speech',
    modalities: ['audio'],
    languages: '99',
    files: [
      file('config.json', 2_248, 'd1d347fdb422e6347c2f843a90d375aa67ea3f4b3e20d2c3075f9a9f6243685b'),
      file('generation_config.json', 3_776, '3bba359e33fdd6dc1c10f71846a477d339b0242f462f70ea1dd73274caa38d05'),
      file('preprocessor_config.json', 339, 'a6a76d28c93edb273669eb9e0b0636a2bddbb1272c3261e47b7ca6dfdbac1b8d'),
      file('tokenizer.json', 2_480_466, '27fc476bfe7f17299480be2273fc0608e4d5a99aba2ab5dec5374b4482d1a566'),
      file('tokenizer_config.json', 282_683, '2a4c4281cf9f51ac6ccc406fdc711a087afe6530f671fa7b80953edc498275ce'),
      file(
        'onnx/encoder_model_quantized.onnx',
        23_200_850,
        '3e345e977b55620a37c0c2b2af0644e019afdfad562dcf71eb929bb7274285f9',
      ),
      file(
        'onnx/decoder_model_merged_quantized.onnx',
        53_707_539,
        'a6beb6baabb66f00b6a686d828c95ffca6146d51900cbad0266cad38f64cf861',
      ),
    ],
    published: [], // nobody has published figures of these graphs
  },
  {
    name: 'mobileclip-s0',
    summary: 'MobileCLIP S0: small and fast, for research',
    repository: 'Xenova/mobileclip_s0',
    revision: '757d59c9c6870a76a4b0306f05f5061bca15c39f',
    licence: {
      name: 'Apple AMLR',
      commercialUse: false,
      note: 'the licence of the weights allows research only, no commercial use',
    },
    dimensions: 512,
    modalities: ['text', 'image'],
    languages: 'English',
    files: [
      ...CLIP_FILES,
      file('onnx/vision_model.onnx', 45_543_630, '17d3c037b1d488c10c50e09f6009ea5a198caef4e0e8f4ea5617b7cb2d067ac0'),
      file('onnx/text_model.onnx'),
    ],
    approximateBytes: 216_000_000,
    published: [{ metric: 'COCO R@1', value: 0.404, source: 'Vasu et al. 2024, text to picture' }],
  },
];

/** The entries of a user's own catalogue: a JSON list. @throws ChiasmError `invalid_request` with all that is wrong */
export async function readCatalogue(path: string): Promise<CatalogueEntry[]> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new ChiasmError('not_found', `the catalogue ${path} cannot be read: ${cause.message}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ChiasmError('invalid_request', `the catalogue ${path} is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const parsed = z.array(catalogueEntrySchema).safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: at, message }) => ({ path: `/${at.join('/')}`, message }));
  const list = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new ChiasmError('invalid_request', `the catalogue ${path} does not fit its schema: ${list}`, { issues });
}
