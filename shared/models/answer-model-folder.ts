/**
 * A model folder that answers questions from a list, in the layout of ViLT's exports: `config.json` with `id2label`,
 * `tokenizer.json`, `tokenizer_config.json`, `preprocessor_config.json`, `onnx/model.onnx`; the optional card
 * `chiasm.json` adds digests and the confidence below which an answer is better not given.
 */

import { join, resolve } from 'node:path';
import { z } from 'zod';
import { taskCardSchema } from './model-card.ts';
import {
  modelConfigSchema,
  preprocessorConfigSchema,
  type TokenizerConfig,
  type TokenizerJson,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from './model-config.ts';
import { readJson } from './read-json.ts';
import { filesUsed, findGraph, readTaskCard, taskModelName } from './task-model-folder.ts';

const configSchema = modelConfigSchema.extend({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()).readonly(),
});

const processorSchema = z.intersection(
  preprocessorConfigSchema,
  /** Both sides become multiples of it. */
  z.object({ size_divisor: z.int().positive().max(256).default(32) }),
);

const answerCardSchema = taskCardSchema.extend({ abstainBelow: z.number().min(0).max(1) });

export interface AnswerModelFolder {
  readonly path: string;
  readonly name: string;
  readonly config: z.output<typeof configSchema>;
  readonly tokenizer: { readonly json: TokenizerJson; readonly config: TokenizerConfig };
  readonly preprocessor: z.output<typeof processorSchema>;
  readonly card: z.output<typeof answerCardSchema> | undefined;
  /** Absolute path of the graph. */
  readonly graph: string;
  /** A answers, by the position of their logit. */
  readonly labels: readonly string[];
}

/** @throws ChiasmError `model_invalid` with all that is missing or wrong */
export async function openAnswerModelFolder(path: string): Promise<AnswerModelFolder> {
  const folder = resolve(path);
  const [config, json, tokenizerConfig, preprocessor, graph] = await Promise.all([
    readJson(folder, 'config.json', configSchema),
    readJson(folder, 'tokenizer.json', tokenizerJsonSchema),
    readJson(folder, 'tokenizer_config.json', tokenizerConfigSchema),
    readJson(folder, 'preprocessor_config.json', processorSchema),
    findGraph(folder, 'model'),
  ]);
  const labels = Object.entries<string>(config?.id2label ?? {})
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
  const gaps = Object.keys(config?.id2label ?? {}).some((id) => Number(id) >= labels.length);
  const issues = gaps ? [{ path: 'config.json#/id2label', message: 'expected the numbers from 0 without gaps' }] : [];
  const needed = {
    'config.json': config,
    'tokenizer.json': json,
    'tokenizer_config.json': tokenizerConfig,
    'preprocessor_config.json': preprocessor,
    'onnx/model.onnx': graph,
  };
  const used = await filesUsed(folder, Object.keys(needed), [graph]);
  const card = await readTaskCard(folder, answerCardSchema, { needed, used }, issues);
  return {
    path: folder,
    name: taskModelName(folder, card),
    config: config!,
    tokenizer: { json: json!, config: tokenizerConfig! },
    preprocessor: preprocessor!,
    card,
    graph: join(folder, graph!.path),
    labels,
  };
}
