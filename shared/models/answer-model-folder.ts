/**
 * A model folder that answers questions from a list, in the layout of ViLT's exports: `config.json` with `id2label`,
 * `tokenizer.json`, `tokenizer_config.json`, `preprocessor_config.json`, `onnx/model.onnx`; the optional card
 * `chiasm.json` adds digests and the confidence below which an answer is better not given.
 */

import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { ChiasmError, type Issue } from '#shared/core/errors.ts';
import { verifyFiles } from './file-digest.ts';
import { modelCardSchema } from './model-card.ts';
import {
  modelConfigSchema,
  preprocessorConfigSchema,
  type TokenizerConfig,
  type TokenizerJson,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from './model-config.ts';
import { readJson } from './read-json.ts';

const configSchema = modelConfigSchema.extend({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()).readonly(),
});

const processorSchema = z.intersection(
  preprocessorConfigSchema,
  /** Both sides become multiples of it. */
  z.object({ size_divisor: z.int().positive().max(256).default(32) }),
);

const cardSchema = modelCardSchema
  .omit({ dimensions: true, modalities: true, calibration: true, queryTemplates: true })
  .extend({ abstainBelow: z.number().min(0).max(1) });

export interface AnswerModelFolder {
  readonly path: string;
  readonly name: string;
  readonly config: z.output<typeof configSchema>;
  readonly tokenizer: { readonly json: TokenizerJson; readonly config: TokenizerConfig };
  readonly preprocessor: z.output<typeof processorSchema>;
  readonly card: z.output<typeof cardSchema> | undefined;
  /** Absolute path of the graph. */
  readonly graph: string;
  /** A answers, by the position of their logit. */
  readonly labels: readonly string[];
}

const GRAPHS = ['model', 'model_quantized', 'model_int8', 'model_uint8', 'model_fp16', 'model_q4'] as const;

/** @throws ChiasmError `model_invalid` with all that is missing or wrong */
export async function openAnswerModelFolder(path: string): Promise<AnswerModelFolder> {
  const folder = resolve(path);
  const [config, json, tokenizerConfig, preprocessor, card, graph] = await Promise.all([
    readJson(folder, 'config.json', configSchema),
    readJson(folder, 'tokenizer.json', tokenizerJsonSchema),
    readJson(folder, 'tokenizer_config.json', tokenizerConfigSchema),
    readJson(folder, 'preprocessor_config.json', processorSchema),
    readJson(folder, 'chiasm.json', cardSchema),
    firstGraph(folder),
  ]);
  const issues: Issue[] = Object.entries({
    'config.json': config,
    'tokenizer.json': json,
    'tokenizer_config.json': tokenizerConfig,
    'preprocessor_config.json': preprocessor,
    'onnx/model.onnx': graph,
  }).flatMap(([file, content]) => (content === undefined ? [{ path: file, message: 'missing' }] : []));
  if (card !== undefined) issues.push(...(await verifyFiles(folder, card.files)));
  const labels = Object.entries<string>(config?.id2label ?? {})
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
  if (config !== undefined && Object.keys(config.id2label).some((id) => Number(id) >= labels.length)) {
    issues.push({ path: 'config.json#/id2label', message: 'expected the numbers from 0 without gaps' });
  }
  if (!config || !json || !tokenizerConfig || !preprocessor || !graph || issues.length > 0) {
    const list = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
    throw new ChiasmError('model_invalid', `the model folder ${folder} cannot be used: ${list}`, { issues });
  }
  const name = card === undefined ? basename(folder) : `${card.name}-${card.version}`;
  return {
    path: folder,
    name,
    config,
    tokenizer: { json, config: tokenizerConfig },
    preprocessor,
    card,
    graph,
    labels,
  };
}

async function firstGraph(folder: string): Promise<string | undefined> {
  for (const stem of GRAPHS) {
    const file = join(folder, 'onnx', `${stem}.onnx`);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  return undefined;
}
