/**
 * A model folder that writes down speech, in the layout of Whisper's exports: `config.json`, `generation_config.json`,
 * `preprocessor_config.json`, `tokenizer.json`, `tokenizer_config.json`, `onnx/encoder_model.onnx` and
 * `onnx/decoder_model_merged.onnx` or their quantised variants; the optional card `chiasm.json` adds digests.
 */

import { resolve } from 'node:path';
import { z } from 'zod';
import { type TaskCard, taskCardSchema } from './model-card.ts';
import { tokenizerConfigSchema, tokenizerJsonSchema } from './model-config.ts';
import { readJson } from './read-json.ts';
import { filesUsed, findGraph, type NumberFormat, readTaskCard, taskModelName } from './task-model-folder.ts';

const configSchema = z.object({ model_type: z.literal('whisper', { error: 'expected "whisper"' }) });

const token = z.int().nonnegative();

const generationSchema = z.object({
  decoder_start_token_id: token,
  eos_token_id: z.union([
    token,
    z
      .array(token)
      .min(1)
      .transform(([first]) => first!),
  ]),
  no_timestamps_token_id: token,
  is_multilingual: z.boolean().optional(),
  lang_to_id: z.record(z.string(), token).optional(),
  task_to_id: z.record(z.string(), token).optional(),
  suppress_tokens: z.array(z.int()).nullish(),
});

const preprocessorSchema = z.object({
  feature_extractor_type: z.literal('WhisperFeatureExtractor'),
  sampling_rate: z.int().min(8_000).max(48_000).default(16_000),
  /** Seconds of one window. */
  chunk_length: z.number().positive().max(60).default(30),
});

export interface SpeechModelFolder {
  readonly path: string;
  readonly name: string;
  readonly card: TaskCard | undefined;
  readonly generation: z.output<typeof generationSchema>;
  readonly sampleRateHz: number;
  readonly windowSeconds: number;
  /** What transformers.js calls the number formats of the two graphs. */
  readonly formats: { readonly encoder_model: NumberFormat; readonly decoder_model_merged: NumberFormat };
}

/** @throws ChiasmError `model_invalid` with all that is missing or wrong */
export async function openSpeechModelFolder(path: string): Promise<SpeechModelFolder> {
  const folder = resolve(path);
  const [config, generation, preprocessor, tokenizer, tokenizerConfig, encoder, decoder] = await Promise.all([
    readJson(folder, 'config.json', configSchema),
    readJson(folder, 'generation_config.json', generationSchema),
    readJson(folder, 'preprocessor_config.json', preprocessorSchema),
    readJson(folder, 'tokenizer.json', tokenizerJsonSchema),
    readJson(folder, 'tokenizer_config.json', tokenizerConfigSchema),
    findGraph(folder, 'encoder_model'),
    findGraph(folder, 'decoder_model_merged'),
  ]);
  const needed = {
    'config.json': config,
    'generation_config.json': generation,
    'preprocessor_config.json': preprocessor,
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': tokenizerConfig,
    'onnx/encoder_model.onnx': encoder,
    'onnx/decoder_model_merged.onnx': decoder,
  };
  const used = await filesUsed(folder, Object.keys(needed), [encoder, decoder]);
  const card = await readTaskCard(folder, taskCardSchema, { needed, used });
  return {
    path: folder,
    name: taskModelName(folder, card),
    card,
    generation: generation!,
    sampleRateHz: preprocessor!.sampling_rate,
    windowSeconds: preprocessor!.chunk_length,
    formats: { encoder_model: encoder!.format, decoder_model_merged: decoder!.format },
  };
}
