/** The files that Hugging Face exports carry beside the graphs: only the keys that Chiasm uses, everything else is let through. */

import { z } from 'zod';

const size = z.int().positive().max(4096);

/** Part of `config.json`. */
export const modelConfigSchema = z.object({
  model_type: z.string(),
  text_config: z.object({ max_position_embeddings: size.optional() }).optional(),
  max_position_embeddings: z.int().positive().optional(),
  pad_token_id: z.int().nonnegative().nullish(),
});

export type ModelConfig = z.output<typeof modelConfigSchema>;

const token = z.union([z.string(), z.object({ content: z.string() }).transform((value) => value.content)]);

/** Part of `tokenizer_config.json`. Values are kept whole beside it, for the tokenizer library. */
export const tokenizerConfigSchema = z.looseObject({
  tokenizer_class: z.string().optional(),
  /** Some exports write 1e30 for "no limit". */
  model_max_length: z.number().positive().optional(),
  pad_token: token.nullish(),
  padding_side: z.enum(['left', 'right']).optional(),
});

export type TokenizerConfig = z.output<typeof tokenizerConfigSchema>;

/** Part of `tokenizer.json`; the library checks the rest when it builds the tokenizer. */
export const tokenizerJsonSchema = z.looseObject({
  model: z.looseObject({}),
  padding: z.looseObject({ pad_id: z.int().nonnegative() }).nullish(),
});

export type TokenizerJson = z.output<typeof tokenizerJsonSchema>;

/** Older exports write a number: the short side for `size`, both sides for `crop_size`. */
const imageSize = z.union([
  z.object({ height: size, width: size }),
  z.object({ shortest_edge: size }),
  size.transform((shortestEdge) => ({ shortest_edge: shortestEdge })),
]);
const cropSize = z.union([
  z.object({ height: size, width: size }),
  size.transform((side) => ({ height: side, width: side })),
]);
const channels = z.tuple([z.number(), z.number(), z.number()]);

/** Sound, nested in `preprocessor_config.json` as `audio`, or the whole file for a model of sound only. */
const audioPreprocessorSchema = z.object({
  feature_extractor_type: z.string(),
  sampling_rate: z.int().min(1000).max(192_000),
  feature_size: z.int().positive().default(1),
  do_normalize: z.boolean().default(false),
  padding_value: z.number().default(0),
  max_length_s: z.number().positive().max(600).default(10),
  min_length_s: z.number().positive().optional(),
});

export type AudioPreprocessor = z.output<typeof audioPreprocessorSchema>;

/** Part of `preprocessor_config.json`. Which keys a model must have depends on its towers: see `image-preprocessing.ts`. */
export const preprocessorConfigSchema = z.object({
  image_processor_type: z.string().optional(),
  feature_extractor_type: z.string().optional(),
  do_resize: z.boolean().default(true),
  size: imageSize.optional(),
  do_center_crop: z.boolean().default(false),
  crop_size: cropSize.optional(),
  /** Pillow's filter: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic. */
  resample: z.int().optional(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.optional(),
  image_std: channels.optional(),
  audio: audioPreprocessorSchema.optional(),
});

export type PreprocessorConfig = z.output<typeof preprocessorConfigSchema>;
