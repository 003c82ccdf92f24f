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

const SOUND_EXTRACTORS = ['Wav2Vec2FeatureExtractor', 'ClapFeatureExtractor'] as const;
const sampleRate = z.int().min(1000).max(192_000);
const windowSeconds = z.number().positive().max(600);

/** Sound as it is. Sounds shorter than `min_length_s` are padded. */
const samplesPreprocessorSchema = z.object({
  feature_extractor_type: z.literal('Wav2Vec2FeatureExtractor'),
  sampling_rate: sampleRate,
  feature_size: z.int().positive().default(1),
  do_normalize: z.boolean().default(false),
  padding_value: z.number().default(0),
  max_length_s: windowSeconds.default(10),
  min_length_s: z.number().positive().optional(),
});

/** Values of one spectrogram at most: 64 MB. */
const MAX_MEL_VALUES = 2 ** 24;

/** Log-mel spectrograms, as CLAP takes them. The defaults are those of ClapFeatureExtractor (transformers). */
const melPreprocessorSchema = z
  .object({
    feature_extractor_type: z.literal('ClapFeatureExtractor'),
    sampling_rate: sampleRate.default(48_000),
    /** F, mel bins. */
    feature_size: z.int().min(1).max(1024).default(64),
    fft_window_size: z
      .int()
      .min(16)
      .max(65_536)
      .refine((size) => Number.isInteger(Math.log2(size)), { error: 'expected a power of two' })
      .default(1024),
    hop_length: z.int().positive().default(480),
    max_length_s: windowSeconds.default(10),
    frequency_min: z.number().nonnegative().default(0),
    frequency_max: z.number().positive().default(14_000),
    top_db: z
      .null({ error: 'expected null: spectrograms of a bounded range are not supported' })
      .optional()
      .default(null),
    padding: z.enum(['repeatpad', 'repeat', 'pad']).default('repeatpad'),
    truncation: z
      .literal('rand_trunc', { error: 'expected "rand_trunc": choose an export of the unfused model' })
      .optional()
      .default('rand_trunc'),
  })
  .refine((mel) => mel.frequency_max > mel.frequency_min, { error: 'frequency_max must be above frequency_min' })
  .refine((mel) => mel.max_length_s * mel.sampling_rate > mel.fft_window_size, {
    error: 'a window of max_length_s must be longer than fft_window_size',
  })
  .refine((mel) => ((mel.max_length_s * mel.sampling_rate) / mel.hop_length) * mel.feature_size < MAX_MEL_VALUES, {
    error: 'max_length_s, hop_length and feature_size make a spectrogram that is too large',
  });

/** Sound, nested in `preprocessor_config.json` as `audio`, or the whole file for a model of sound only. */
const audioPreprocessorSchema = z.discriminatedUnion('feature_extractor_type', [
  samplesPreprocessorSchema,
  melPreprocessorSchema,
]);

export type SamplesPreprocessor = z.output<typeof samplesPreprocessorSchema>;
export type MelPreprocessor = z.output<typeof melPreprocessorSchema>;
export type AudioPreprocessor = z.output<typeof audioPreprocessorSchema>;

/** Part of `preprocessor_config.json`. Which keys a model must have depends on its towers: see `image-preprocessing.ts`. */
const picturesAndSounds = z.object({
  image_processor_type: z.string().optional(),
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

/** The file of a model of sound only is about sound as a whole. */
export const preprocessorConfigSchema = z.preprocess((file) => {
  const isSound = z.object({ feature_extractor_type: z.enum(SOUND_EXTRACTORS) }).safeParse(file).success;
  return isSound ? { audio: file } : file;
}, picturesAndSounds);

export type PreprocessorConfig = z.output<typeof preprocessorConfigSchema>;
