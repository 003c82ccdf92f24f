/**
 * The vectors of examples: pictures and sounds from the index where they are indexed, everything else from the encoder,
 * through the cache.
 */

import type { Item, Part } from '#shared/catalog/item.ts';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import { type ContentEmbedder, meanDirection } from '#shared/encoders/embed-content.ts';
import type { Space } from '#shared/encoders/space.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { ExampleInputs } from './example.ts';
import type { FeatureCache } from './feature-cache.ts';
import type { Problems } from './problems.ts';
import type { Row } from './read-json-lines.ts';

/** Rows of one kind of content, in the order of the examples. */
export interface FeatureColumn {
  /** Row-major [N, D]; zeros where the content is missing. */
  readonly values: Float32Array;
  readonly dimensions: number;
  /** [N]: 1 where the example has it. */
  readonly present: Uint8Array;
}

export type EncodedModality = 'image' | 'audio' | 'text';
/** Vectors of one modality, [D] each. */
export interface EncodedColumn extends FeatureColumn {
  /** Id of their space. */
  readonly space: string;
}

export type EncodedColumns = Readonly<Partial<Record<EncodedModality, EncodedColumn>>>;

/** The spaces that content is embedded in; each modality has one. */
export interface FeatureSpaces {
  spaceOf(
    modality: EncodedModality,
  ): { readonly encoder: { readonly space: Pick<Space, 'id' | 'dimensions'> } } | undefined;
  readonly embedder: ContentEmbedder;
  readonly items: {
    item(key: string): Promise<{ readonly item: Item; readonly parts: readonly Part[] } | undefined>;
  };
}

export interface ReadFeaturesDependencies {
  readonly spaces: FeatureSpaces;
  readonly mediaStore: Pick<ObjectStore, 'get'>;
  readonly cache: FeatureCache;
}

export interface ReadFeaturesOptions {
  readonly signal: AbortSignal;
  /** Names of modalities that are read. @default all that occur */
  readonly modalities?: readonly string[];
  /** @param share 0 to 1 */
  readonly onProgress?: (share: number) => void;
}

/** Texts that are embedded and kept together. */
const TEXT_CHUNK = 64;

/** Failures of the content; everything else is a fault of the machine. */
const CONTENT_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'corrupt_input',
  'invalid_request',
  'too_large',
  'unsupported_type',
]);

/**
 * A column for each modality that occurs. Content that is not there or cannot be read is added to `problems`.
 * @param datasetKey the object that the rows come from
 * @throws ChiasmError `unsupported_modality` when the model has no tower for a modality, `cancelled`
 */
export async function readFeatures(
  deps: ReadFeaturesDependencies,
  datasetKey: string,
  examples: readonly Row<{ readonly inputs: ExampleInputs }>[],
  problems: Problems,
  options: ReadFeaturesOptions,
): Promise<EncodedColumns> {
  const occurring = (['image', 'audio', 'text'] as const)
    .filter((modality) => options.modalities?.includes(modality) ?? true)
    .filter((modality) => examples.some(({ inputs }) => contentOf(inputs, modality) !== undefined));
  const columns: Partial<Record<EncodedModality, EncodedColumn>> = {};
  for (const [i, modality] of occurring.entries()) {
    const report = (share: number) => options.onProgress?.((i + share) / occurring.length);
    const { id: space, dimensions } = requireSpace(deps.spaces, modality);
    const column = emptyColumn(examples.length, dimensions);
    const vectors =
      modality === 'text' ? textVectors(deps, datasetKey, examples) : mediaVectors(deps, modality, examples, problems);
    for await (const { row, vector } of vectors) {
      if (options.signal.aborted) throw new ChiasmError('cancelled', 'the training was cancelled');
      column.values.set(vector, row * dimensions);
      column.present[row] = 1;
      report(row / examples.length);
    }
    columns[modality] = { ...column, space };
  }
  return columns;
}

interface RowVector {
  readonly row: number;
  /** [D] */
  readonly vector: Float32Array;
}

type Examples = readonly Row<{ readonly inputs: ExampleInputs }>[];

async function* textVectors(
  { spaces, cache }: ReadFeaturesDependencies,
  datasetKey: string,
  examples: Examples,
): AsyncGenerator<RowVector> {
  const space = requireSpace(spaces, 'text');
  const { dimensions } = space;
  const rows = examples.flatMap(({ inputs }, row) => {
    const text = contentOf(inputs, 'text');
    return text === undefined ? [] : [{ row, text }];
  });
  for (let start = 0; start < rows.length; start += TEXT_CHUNK) {
    const chunk = rows.slice(start, start + TEXT_CHUNK);
    const texts = chunk.map(({ text }) => text);
    const matrix = await cache.rows(datasetKey, space.id, JSON.stringify(texts), async () =>
      joinRows(await spaces.embedder.texts(texts), dimensions),
    );
    for (const [i, { row }] of chunk.entries()) {
      yield { row, vector: matrix.subarray(i * dimensions, (i + 1) * dimensions) };
    }
  }
}

async function* mediaVectors(
  deps: ReadFeaturesDependencies,
  modality: 'image' | 'audio',
  examples: Examples,
  problems: Problems,
): AsyncGenerator<RowVector> {
  const known = new Map<string, Float32Array | string>(); // one object may stand in many rows
  for (const [row, { inputs, line }] of examples.entries()) {
    const key = inputs[modality];
    if (key === undefined) continue;
    const found = known.get(key) ?? (await mediaVector(deps, modality, key));
    known.set(key, found);
    if (typeof found === 'string') problems.add(line, `/inputs/${modality}: ${found}`);
    else yield { row, vector: found };
  }
}

/** [D], or why there is none. */
async function mediaVector(
  { spaces, mediaStore, cache }: ReadFeaturesDependencies,
  modality: 'image' | 'audio',
  key: string,
): Promise<Float32Array | string> {
  const indexed = await spaces.items.item(key);
  if (indexed?.item.status === 'indexed' && indexed.item.modality === modality) {
    const vectors = indexed.parts.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));
    if (vectors.length > 0) return meanDirection(vectors);
  }
  const object = await mediaStore.get(key);
  if (object === undefined) return `there is no object ${JSON.stringify(key)}`;
  try {
    const { id: space } = requireSpace(spaces, modality);
    return await cache.rows(key, space, `${modality} ${object.etag}`, () => spaces.embedder[modality](object.bytes));
  } catch (thrown) {
    if (thrown instanceof ChiasmError && CONTENT_FAILURES.has(thrown.code)) return `${key}: ${thrown.message}`;
    throw thrown;
  }
}

function requireSpace(spaces: FeatureSpaces, modality: EncodedModality): Pick<Space, 'id' | 'dimensions'> {
  const found = spaces.spaceOf(modality);
  if (found !== undefined) return found.encoder.space;
  throw new ChiasmError('unsupported_modality', `no model in use embeds ${modality}, which the data set has`);
}

function contentOf(inputs: ExampleInputs, modality: EncodedModality): string | undefined {
  const content = inputs[modality];
  return content === undefined || content.trim() === '' ? undefined : content;
}

function emptyColumn(rows: number, dimensions: number): FeatureColumn {
  return { values: new Float32Array(rows * dimensions), dimensions, present: new Uint8Array(rows) };
}

function joinRows(vectors: readonly Float32Array[], dimensions: number): Float32Array {
  const matrix = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, i) => void matrix.set(vector, i * dimensions));
  return matrix;
}
