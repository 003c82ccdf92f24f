/**
 * The families of models that load: which `model_type` belongs to which, what their graphs are called, which output
 * is the embedding and what the text must look like. A new family is a row here, not a class.
 */

import type { Modality } from '#shared/core/modality.ts';

export type FamilyName = 'chiasm-starter' | 'clip' | 'siglip' | 'clap' | 'dinov2' | 'sentence';

/** How an output [B, T, D] becomes [B, D]: the first token, or the mean over the tokens that are not padding. */
export type Pooling = 'none' | 'first' | 'mean';

interface TowerOutput {
  readonly name: string;
  readonly pooling: Pooling;
}

export interface Tower {
  /** Stem of the file in `onnx/`: `text_model` for `onnx/text_model.onnx`, `onnx/text_model_quantized.onnx`, ... */
  readonly stem: string;
  /** The graph's input for ids, pixels or samples. */
  readonly input: string;
  /** The embedding: the first of these that the graph has. */
  readonly outputs: readonly TowerOutput[];
  /** Further output that `imageFeatures` gives. */
  readonly featureMap?: string;
}

interface TextTower extends Tower {
  /** `longest`: to the longest text of the batch. `maximum`: always to `maxTokens`, as the model was trained. */
  readonly padding: 'longest' | 'maximum';
  /** Used when the folder does not say; otherwise the smaller of the two. */
  readonly maxTokens: number;
}

export interface ModelFamily {
  readonly name: FamilyName;
  readonly modelTypes: readonly string[];
  readonly text?: TextTower;
  readonly image?: Tower;
  readonly audio?: Tower;
  /** Used when the folder has no card. */
  readonly queryTemplates: Readonly<Partial<Record<Modality, readonly string[]>>>;
}

export const MODEL_FAMILIES: readonly ModelFamily[] = [
  {
    name: 'chiasm-starter',
    modelTypes: ['chiasm-starter'],
    text: {
      stem: 'text_model',
      input: 'input_ids',
      outputs: [{ name: 'text_embeds', pooling: 'none' }],
      padding: 'longest',
      maxTokens: 64,
    },
    image: {
      stem: 'vision_model',
      input: 'pixel_values',
      outputs: [{ name: 'image_embeds', pooling: 'none' }],
      featureMap: 'feature_map',
    },
    audio: { stem: 'audio_model', input: 'input_values', outputs: [{ name: 'audio_embeds', pooling: 'none' }] },
    queryTemplates: {},
  },
  {
    name: 'clip',
    modelTypes: ['clip'],
    text: {
      stem: 'text_model',
      input: 'input_ids',
      outputs: [{ name: 'text_embeds', pooling: 'none' }],
      padding: 'longest', // causal attention: padding after the end token changes nothing
      maxTokens: 77,
    },
    image: { stem: 'vision_model', input: 'pixel_values', outputs: [{ name: 'image_embeds', pooling: 'none' }] },
    queryTemplates: { image: ['a photo of a {}.'] }, // Radford et al. 2021, section 3.1.4
  },
  {
    // SigLIP 2 at fixed resolution has the same model_type and another tokenizer; NaFlex (`siglip2`) takes patches
    name: 'siglip',
    modelTypes: ['siglip'],
    text: {
      stem: 'text_model',
      input: 'input_ids',
      outputs: [{ name: 'pooler_output', pooling: 'none' }],
      padding: 'maximum', // without a mask: the padding is part of what was learned
      maxTokens: 64,
    },
    image: { stem: 'vision_model', input: 'pixel_values', outputs: [{ name: 'pooler_output', pooling: 'none' }] },
    queryTemplates: { image: ['This is a photo of {}.'] }, // the template of the models' own cards
  },
  {
    name: 'clap',
    modelTypes: ['clap'],
    text: {
      stem: 'text_model',
      input: 'input_ids',
      outputs: [{ name: 'text_embeds', pooling: 'none' }],
      padding: 'longest', // with a mask
      maxTokens: 512,
    },
    audio: { stem: 'audio_model', input: 'input_features', outputs: [{ name: 'audio_embeds', pooling: 'none' }] },
    queryTemplates: { audio: ['This is a sound of {}.'] }, // Wu et al. 2023, section 4.3, for zero-shot classification
  },
  {
    name: 'dinov2',
    modelTypes: ['dinov2', 'dinov2_with_registers'],
    image: { stem: 'model', input: 'pixel_values', outputs: [{ name: 'last_hidden_state', pooling: 'first' }] },
    queryTemplates: {},
  },
  {
    name: 'sentence',
    modelTypes: ['bert', 'distilbert', 'mpnet', 'roberta', 'xlm-roberta', 'modernbert'],
    text: {
      stem: 'model',
      input: 'input_ids',
      outputs: [
        { name: 'sentence_embedding', pooling: 'none' },
        { name: 'last_hidden_state', pooling: 'mean' },
        { name: 'token_embeddings', pooling: 'mean' },
      ],
      padding: 'longest',
      maxTokens: 512,
    },
    queryTemplates: {},
  },
];

/** The family of a `model_type` in `config.json`; undefined for one that does not load. */
export function familyOf(modelType: string): ModelFamily | undefined {
  return MODEL_FAMILIES.find((family) => family.modelTypes.includes(modelType));
}

/** The tower of each modality that the family has. */
export function towersOf(family: ModelFamily): readonly (readonly [Modality, Tower])[] {
  const towers: [Modality, Tower][] = [];
  if (family.text) towers.push(['text', family.text]);
  if (family.image) towers.push(['image', family.image]);
  if (family.audio) towers.push(['audio', family.audio]);
  return towers;
}
