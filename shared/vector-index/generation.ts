/**
 * One immutable generation, opened: graphs and codes of the vectors in memory, the vectors too while they are few; the rest
 * as read-only files.
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Catalog, openCatalogFile } from '#shared/catalog/catalog.ts';
import { createFilterItems, type FilterItems } from '#shared/catalog/filter-items.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { createProjection, type Projection } from './build-graph.ts';
import { openCodedRows } from './coded-rows.ts';
import { type DeltaSpace, sha256 } from './delta.ts';
import { createFloatRows } from './float-rows.ts';
import { type ExpectedFile, readVerified, verifyFile } from './generation-files.ts';
import { type GraphWalk, openGraph } from './graph-walk.ts';
import {
  GENERATION_FILES,
  type GenerationDescription,
  type GraphDescription,
  graphFile,
  type Manifest,
  parseGeneration,
  projectionFile,
} from './manifest.ts';
import { createRowOwners, type RowOwners } from './row-owners.ts';
import type { VectorRows } from './vector-rows.ts';

export interface Generation {
  readonly manifest: Manifest;
  readonly description: GenerationDescription;
  readonly folded: ReadonlySet<string>;
  readonly catalog: Catalog;
  readonly itemCapacity: number;
  readonly filterItems: FilterItems;
  readonly counts: ReturnType<Catalog['counts']>;
  readonly owners: RowOwners;
  readonly vectors: VectorRows;
  readonly graphs: readonly ModalityGraph[];
  close(): Promise<void>;
}

export interface ModalityGraph {
  readonly description: GraphDescription;
  /** Labels are row numbers. */
  readonly graph: GraphWalk;
  readonly projection: Projection;
}

export interface GenerationFiles {
  readonly description: GenerationDescription;
  /** Local path by file name. */
  readonly paths: ReadonlyMap<string, string>;
}

/**
 * Brings the files of the generation that `manifest` names to local paths; copies, if any, are made in `folder`.
 * @throws ChiasmError `state_corrupt` when a file is missing or the description is damaged
 */
export async function locateGeneration(
  store: ObjectStore,
  space: DeltaSpace,
  manifest: Manifest,
  folder: string,
): Promise<GenerationFiles> {
  const prefix = spaceKeys(space.id).generation(manifest.generation, manifest.ulid);
  const key = prefix + GENERATION_FILES.description;
  const stored = await store.get(key);
  if (stored === undefined) throw missing(key);
  const digest = sha256(stored.bytes);
  if (digest !== manifest.digest) {
    throw new ChiasmError('state_corrupt', `${key} is damaged: expected SHA-256 ${manifest.digest}, got ${digest}`);
  }
  const description = parseGeneration(stored.bytes, key);
  if (description.space !== space.id || description.dimensions !== space.dimensions) {
    const found = `${description.space} with ${description.dimensions} dimensions`;
    throw new ChiasmError('state_corrupt', `${key}: expected ${space.id} with ${space.dimensions}, got ${found}`);
  }
  await mkdir(folder, { recursive: true });
  const paths = new Map<string, string>();
  for (const name of Object.keys(description.files)) {
    const path = await store.localPath(prefix + name, folder);
    if (path === undefined) throw missing(prefix + name);
    paths.set(name, path);
  }
  return { description, paths };
}

/** Vectors are held in memory while they take at most this much; otherwise a search reads its best few from their file. */
export const DEFAULT_HELD_VECTOR_BYTES = 256 * 1024 * 1024;

/**
 * Opens the generation that `manifest` names. All of it is read and checked before it returns.
 * @throws ChiasmError `state_corrupt` when a file is missing or damaged
 */
export async function openGeneration(
  store: ObjectStore,
  space: DeltaSpace,
  manifest: Manifest,
  scratchFolder: string,
  heldVectorBytes = DEFAULT_HELD_VECTOR_BYTES,
): Promise<Generation> {
  const folder = join(scratchFolder, `${manifest.generation}-${manifest.ulid}`);
  try {
    const files = await locateGeneration(store, space, manifest, folder);
    const { vectors, graphs, catalog } = await loadFiles(files, space, heldVectorBytes);
    const itemCapacity = catalog.itemCapacity();
    return {
      manifest,
      description: files.description,
      folded: new Set(files.description.folded),
      catalog,
      itemCapacity,
      filterItems: createFilterItems(catalog, itemCapacity),
      counts: catalog.counts(),
      owners: createRowOwners(catalog.itemsOfRows(files.description.rows), itemCapacity),
      vectors: vectors ?? createFloatRows(space.dimensions),
      graphs,
      close: async () => {
        catalog.close();
        await vectors?.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function loadFiles({ description, paths }: GenerationFiles, { dimensions }: DeltaSpace, heldBytes: number) {
  const at = (name: string) => [paths.get(name)!, description.files[name]!, `generation file ${name}`] as const;
  const { catalog, vectors: vectorsName } = GENERATION_FILES;
  const opening = paths.has(vectorsName) ? openCodedRows(...at(vectorsName), dimensions, heldBytes) : undefined;
  try {
    const [graphs] = await Promise.all([
      Promise.all(description.graphs.map((graph) => loadGraph(graph, at, paths, dimensions))),
      opening,
      verifyFile(...at(catalog)),
    ]);
    return { vectors: await opening, graphs, catalog: openCatalogFile(paths.get(catalog)!) };
  } catch (error) {
    await opening?.then((vectors) => vectors.close()).catch(() => undefined); // its own failure is the one thrown here
    throw error;
  }
}

async function loadGraph(
  description: GraphDescription,
  at: (name: string) => readonly [path: string, expected: ExpectedFile, name: string],
  paths: ReadonlyMap<string, string>,
  dimensions: number,
): Promise<ModalityGraph> {
  const [path, expected, name] = at(graphFile(description.modality));
  await verifyFile(path, expected, name); // before: every offset in it is trusted
  const graph = await openGraph(path, description.dimensions);
  const projectionName = projectionFile(description.modality);
  const directions = paths.has(projectionName)
    ? new Float32Array(await readVerified(...at(projectionName)))
    : undefined;
  return { description, graph, projection: createProjection(directions, dimensions) };
}

function missing(key: string): ChiasmError {
  return new ChiasmError('state_corrupt', `${key} is missing, although the manifest needs it`, { retryable: true });
}
