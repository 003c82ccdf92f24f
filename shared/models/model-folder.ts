/**
 * A model folder in the Hugging Face layout: `config.json`, `tokenizer.json`, `tokenizer_config.json`,
 * `preprocessor_config.json`, `onnx/*.onnx`, and Chiasm's optional card `chiasm.json`. Opening it checks everything
 * that can be checked without running the graphs; `createEncoder` (encoders) does that.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ChiasmError, type Issue } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { combineDigests, fileDigest, unlistedFiles, verifyFiles } from './file-digest.ts';
import { type ImagePreprocessing, imagePreprocessing } from './image-preprocessing.ts';
import { type ModelCard, modelCardSchema } from './model-card.ts';
import {
  type AudioPreprocessor,
  type ModelConfig,
  modelConfigSchema,
  type PreprocessorConfig,
  preprocessorConfigSchema,
  type TokenizerConfig,
  type TokenizerJson,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from './model-config.ts';
import { familyOf, MODEL_FAMILIES, type ModelFamily, towersOf } from './model-family.ts';
import { readJson } from './read-json.ts';

/** Suffixes of `onnx/<stem><suffix>.onnx`, best first for a CPU; the plain file is float32 unless the export says otherwise. */
const VARIANTS = ['', '_quantized', '_int8', '_uint8', '_q8', '_fp16', '_q4', '_q4f16', '_bnb4'] as const;

type ModelVariant = (typeof VARIANTS)[number];

export interface ModelFolderOptions {
  /** Suffix of the graphs to prefer, `_quantized` for example. @default the first that is there, float32 first */
  readonly variant?: ModelVariant;
  /** Check the digests of all files that the card lists. @default true */
  readonly verifyDigests?: boolean;
}

export interface ModelFolder {
  readonly path: string;
  /** From the card, otherwise the folder's name. */
  readonly name: string;
  /** Name and digest of the files that decide on the vectors: the same for the same model, wherever it lies. */
  readonly spaceId: string;
  readonly family: ModelFamily;
  readonly config: ModelConfig;
  readonly card: ModelCard | undefined;
  /** Absolute path of the graph of each tower that the folder has. */
  readonly graphs: Readonly<Partial<Record<Modality, string>>>;
  /** Present with a text tower. */
  readonly tokenizer: { readonly json: TokenizerJson; readonly config: TokenizerConfig } | undefined;
  /** Present with a picture tower. */
  readonly image: ImagePreprocessing | undefined;
  /** Present with a sound tower. */
  readonly audio: AudioPreprocessor | undefined;
}

/** @throws ChiasmError `not_found` without the folder, `model_invalid` with all that is missing or wrong */
export async function openModelFolder(path: string, options: ModelFolderOptions = {}): Promise<ModelFolder> {
  const folder = resolve(path);
  const files = await listFiles(folder);
  const config = await readJson(folder, 'config.json', modelConfigSchema);
  if (!config) throw invalid(folder, [{ path: 'config.json', message: 'missing' }]);
  const family = familyOf(config.model_type);
  if (!family) throw invalid(folder, [{ path: 'config.json#/model_type', message: unknownFamily(config.model_type) }]);

  const card = await readJson(folder, 'chiasm.json', modelCardSchema);
  const graphFiles = chooseGraphs(family, files, options.variant);
  const parts = await readParts(folder, graphFiles);
  const used = usedFiles(files, Object.values(graphFiles));
  const issues = [
    ...missingParts(family, graphFiles, parts),
    ...(await graphIssues(folder, graphFiles)),
    ...(card ? cardIssues(card, graphFiles, used) : []),
  ];
  if (card && issues.length === 0 && options.verifyDigests !== false) {
    issues.push(...(await verifyFiles(folder, card.files)));
  }
  if (issues.length > 0) throw invalid(folder, issues);

  const name = card?.name ?? spaceName(basename(folder));
  return {
    path: folder,
    name,
    spaceId: await spaceId(folder, name, card, used),
    family,
    config,
    card,
    graphs: mapValues(graphFiles, (file) => join(folder, file)),
    tokenizer:
      graphFiles.text && parts.tokenizerJson && parts.tokenizerConfig
        ? { json: parts.tokenizerJson, config: parts.tokenizerConfig }
        : undefined,
    image: graphFiles.image && parts.preprocessor ? imagePreprocessing(parts.preprocessor) : undefined,
    audio: graphFiles.audio ? parts.preprocessor?.audio : undefined,
  };
}

interface Parts {
  readonly tokenizerJson: TokenizerJson | undefined;
  readonly tokenizerConfig: TokenizerConfig | undefined;
  readonly preprocessor: PreprocessorConfig | undefined;
}

type GraphFiles = Partial<Record<Modality, string>>;

async function readParts(folder: string, graphs: GraphFiles): Promise<Parts> {
  const needsPreprocessor = graphs.image !== undefined || graphs.audio !== undefined;
  const [tokenizerJson, tokenizerConfig, preprocessor] = await Promise.all([
    graphs.text === undefined ? undefined : readJson(folder, 'tokenizer.json', tokenizerJsonSchema),
    graphs.text === undefined ? undefined : readJson(folder, 'tokenizer_config.json', tokenizerConfigSchema),
    needsPreprocessor ? readJson(folder, 'preprocessor_config.json', preprocessorConfigSchema) : undefined,
  ]);
  return { tokenizerJson, tokenizerConfig, preprocessor };
}

/** The files at the top of the folder and in `onnx/`. */
async function listFiles(folder: string): Promise<ReadonlySet<string>> {
  const stats = await stat(folder).catch(() => undefined);
  if (!stats?.isDirectory()) {
    throw new ChiasmError('not_found', `there is no model folder ${folder}; give a folder with config.json and onnx/`);
  }
  const [top, graphs] = await Promise.all([readdir(folder), readdir(join(folder, 'onnx')).catch(() => [])]);
  return new Set([...top, ...graphs.map((name) => `onnx/${name}`)]);
}

/** The graph of each tower: the wanted variant, otherwise the best that is there. */
function chooseGraphs(family: ModelFamily, files: ReadonlySet<string>, variant?: ModelVariant): GraphFiles {
  const order = variant === undefined ? VARIANTS : [variant, ...VARIANTS];
  const graphs: GraphFiles = {};
  for (const [modality, tower] of towersOf(family)) {
    const chosen = order.map((suffix) => `onnx/${tower.stem}${suffix}.onnx`).find((file) => files.has(file));
    if (chosen !== undefined) graphs[modality] = chosen;
  }
  return graphs;
}

function missingParts(family: ModelFamily, graphs: GraphFiles, parts: Parts): Issue[] {
  const missing = (path: string, why: string): Issue => ({ path, message: `missing; ${why}` });
  const issues: Issue[] = [];
  if (Object.keys(graphs).length === 0) {
    const wanted = towersOf(family).map(([, tower]) => `${tower.stem}.onnx`);
    issues.push(missing('onnx/', `expected ${wanted.join(', ')} or a variant such as _quantized`));
  }
  if (graphs.text) {
    if (!parts.tokenizerJson) issues.push(missing('tokenizer.json', 'the text tower needs it'));
    if (!parts.tokenizerConfig) issues.push(missing('tokenizer_config.json', 'the text tower needs it'));
  }
  if ((graphs.image || graphs.audio) && !parts.preprocessor) {
    issues.push(missing('preprocessor_config.json', 'pictures and sounds need it'));
  } else if (graphs.audio && !parts.preprocessor?.audio) {
    issues.push(missing('preprocessor_config.json#/audio', 'the sound tower needs it'));
  }
  return issues;
}

/** What can be told of the graphs at a glance, before gigabytes are read for their digests. */
async function graphIssues(folder: string, graphs: GraphFiles): Promise<Issue[]> {
  const issues = await Promise.all(
    Object.values(graphs).map(async (path): Promise<Issue | undefined> => {
      const stats = await stat(join(folder, path)).catch(() => undefined);
      if (!stats?.isFile()) return { path, message: 'is not a file' };
      if (stats.size < 2 ** 31) return undefined;
      return { path, message: `has ${stats.size} bytes; an ONNX file holds at most 2 GiB` };
    }),
  );
  return issues.filter((issue) => issue !== undefined);
}

function cardIssues(card: ModelCard, graphs: GraphFiles, used: readonly string[]): Issue[] {
  const issues = unlistedFiles(card.files, used);
  for (const modality of card.modalities) {
    if (!graphs[modality])
      issues.push({ path: 'onnx/', message: `the card promises ${modality}, the folder has no graph for it` });
  }
  return issues;
}

/** The files that decide on the vectors: configuration, tokenizer, the graphs and their external weights. */
function usedFiles(files: ReadonlySet<string>, graphs: readonly string[]): string[] {
  const fixed = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'preprocessor_config.json'];
  // an export's external weights are called after the graph: `model.onnx_data`, `model.onnx.data`, `model.onnx_data_1`
  return [...files].filter((file) => fixed.includes(file) || graphs.some((graph) => file.startsWith(graph))).sort();
}

async function spaceId(
  folder: string,
  name: string,
  card: ModelCard | undefined,
  used: readonly string[],
): Promise<string> {
  const digests = await Promise.all(
    used.map(async (file) => [file, card?.files[file]?.sha256 ?? (await fileDigest(join(folder, file)))] as const),
  );
  const version = card ? `-${spaceName(card.version)}` : '';
  return `${name}${version}-${combineDigests(Object.fromEntries(digests)).slice(0, 8)}`;
}

/** A name that may stand in an object key. */
function spaceName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
  return plain.slice(0, 64) || 'model';
}

function unknownFamily(modelType: string): string {
  const known = MODEL_FAMILIES.flatMap((family) => family.modelTypes).join(', ');
  return `${JSON.stringify(modelType)} is not among the models that load: ${known}`;
}

function invalid(folder: string, issues: readonly Issue[]): ChiasmError {
  const list = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  return new ChiasmError('model_invalid', `the model folder ${folder} cannot be used: ${list}`, { issues });
}

function mapValues(graphs: GraphFiles, change: (file: string) => string): GraphFiles {
  return Object.fromEntries(Object.entries(graphs).map(([modality, file]) => [modality, change(file)]));
}
