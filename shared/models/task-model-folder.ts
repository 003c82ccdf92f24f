/**
 * What model folders that embed nothing have in common: files that must be there, graphs in one of several number formats, and
 * the optional card `chiasm.json`, which lists every file that the model uses with its digest.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ChiasmError, type Issue } from '#shared/core/errors.ts';
import { unlistedFiles, verifyFiles } from './file-digest.ts';
import type { TaskCard } from './model-card.ts';
import { readJson } from './read-json.ts';

/** Names of number formats in transformers.js and what they add to the name of a graph; the most exact first. */
const SUFFIXES = { fp32: '', fp16: '_fp16', q8: '_quantized', int8: '_int8', uint8: '_uint8', q4: '_q4', q4f16: '_q4f16', bnb4: '_bnb4' } as const; // biome-ignore format: a table

export type NumberFormat = keyof typeof SUFFIXES;

export interface FoundGraph {
  /** Path in the folder. */
  readonly path: string;
  readonly format: NumberFormat;
}

/** The most exact graph of this stem; undefined without any. */
export async function findGraph(folder: string, stem: string): Promise<FoundGraph | undefined> {
  for (const [format, suffix] of Object.entries(SUFFIXES) as [NumberFormat, string][]) {
    const path = `onnx/${stem}${suffix}.onnx`;
    if ((await stat(join(folder, path)).catch(() => undefined))?.isFile()) return { path, format };
  }
  return undefined;
}

export interface TaskModelFiles {
  /** By path in the folder; undefined stands for one that is missing. */
  readonly needed: Readonly<Record<string, unknown>>;
  /** Paths of the files that the model is made of, which a card must list. */
  readonly used: readonly string[];
}

/**
 * The card, once every needed file is there and is the one that the card lists; undefined without a card.
 * @throws ChiasmError `model_invalid` with all that is missing or wrong
 */
export async function readTaskCard<Schema extends z.ZodType<TaskCard>>(
  folder: string,
  schema: Schema,
  { needed, used }: TaskModelFiles,
  found: readonly Issue[] = [],
): Promise<z.output<Schema> | undefined> {
  const missing = Object.entries(needed).filter(([, content]) => content === undefined);
  const issues = [...missing.map(([path]) => ({ path, message: 'missing' })), ...found];
  const card = await readJson(folder, 'chiasm.json', schema);
  if (card !== undefined) issues.push(...unlistedFiles(card.files, used), ...(await verifyFiles(folder, card.files)));
  if (issues.length === 0) return card;
  const list = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new ChiasmError('model_invalid', `the model folder ${folder} cannot be used: ${list}`, { issues });
}

/** What `config.json` says that the model is. @throws ChiasmError `not_found`, `model_invalid` */
export async function readModelType(folder: string): Promise<string> {
  const config = await readJson(folder, 'config.json', z.object({ model_type: z.string() }));
  if (config === undefined) throw new ChiasmError('not_found', `there is no model in ${folder}: it has no config.json`);
  return config.model_type;
}

/** Name and version of the card, otherwise the folder's name. */
export function taskModelName(folder: string, card: TaskCard | undefined): string {
  return card === undefined ? basename(folder) : `${card.name}-${card.version}`;
}

/** What is there of these configuration files, and of the graphs with their external weights, which are called after them. */
export async function filesUsed(
  folder: string,
  configuration: readonly string[],
  graphs: readonly (FoundGraph | undefined)[],
): Promise<string[]> {
  const [top, weights] = await Promise.all(
    [folder, join(folder, 'onnx')].map((path) => readdir(path).catch(() => [] as string[])),
  );
  const ofGraphs = weights!
    .map((name) => `onnx/${name}`)
    .filter((path) => graphs.some((graph) => graph !== undefined && path.startsWith(graph.path)));
  return [...configuration.filter((name) => top!.includes(name)), ...ofGraphs];
}
