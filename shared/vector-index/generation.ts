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
  const { description, arriving } = await fetchGeneration(store, space, manifest, folder);
  const paths = new Map<string, string>();
  for (const [name, path] of arriving) paths.set(name, await path);
  return { description, paths };
}

interface ArrivingFiles {
  readonly description: GenerationDescription;
  /** Local path by file name, once the file is there. */
  readonly arriving: ReadonlyMap<string, Promise<string>>;
}

/** One file after the other, each in as many ranges at once as the store likes, so that what has come can be read meanwhile. */
async function fetchGeneration(
  store: ObjectStore,
  space: DeltaSpace,
  manifest: Manifest,
  folder: string,
): Promise<ArrivingFiles> {
  const prefix = spaceKeys(space.id).generation(manifest.generation, manifest.ulid);
  const description = await readDescription(store, space, manifest, prefix + GENERATION_FILES.description);
  await mkdir(folder, { recursive: true });
  const arriving = new Map<string, Promise<string>>();
  let last: Promise<unknown> = Promise.resolve();
  const largestFirst = Object.entries(description.files).sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes);
  for (const [name] of largestFirst) {
    const path = last.then(async () => {
      const local = await store.localPath(prefix + name, folder);
      if (local === undefined) throw missing(prefix + name);
      return local;
    });
    path.catch(() => undefined); // whoever waits for the file gets the failure too
    arriving.set(name, path);
    last = path;
  }
  return { description, arriving };
}

async function readDescription(store: ObjectStore, space: DeltaSpace, manifest: Manifest, key: string) {
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
  return description;
}

/**
 * Vectors are held in memory while they take at most this much; otherwise a search reads its best few from their file, which
 * takes less than half of the memory and hardly more time.
 */
export const DEFAULT_HELD_VECTOR_BYTES = 64 * 1024 * 1024;

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
    const files = await fetchGeneration(store, space, manifest, folder);
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

/** Each file as soon as it is there. When one fails, all others are waited for before anything is cleaned up. */
async function loadFiles({ description, arriving }: ArrivingFiles, { dimensions }: DeltaSpace, heldBytes: number) {
  const at: At = async (name) => [await arriving.get(name)!, description.files[name]!, `generation file ${name}`];
  const { vectors: vectorsName } = GENERATION_FILES;
  const opening = arriving.has(vectorsName)
    ? at(vectorsName).then((file) => openCodedRows(...file, dimensions, heldBytes))
    : Promise.resolve(undefined);
  const loading = description.graphs.map((graph) => loadGraph(graph, at, arriving, dimensions));
  const verifying = at(GENERATION_FILES.catalog).then(verifyCatalog);
  await Promise.allSettled([opening, ...loading, verifying, ...arriving.values()]);
  try {
    const [graphs, catalogPath, vectors] = await Promise.all([Promise.all(loading), verifying, opening]);
    return { vectors, graphs, catalog: openCatalogFile(catalogPath) };
  } catch (error) {
    await opening.then((vectors) => vectors?.close()).catch(() => undefined); // its own failure is the one thrown here
    throw error;
  }
}

type At = (name: string) => Promise<readonly [path: string, expected: ExpectedFile, name: string]>;

async function verifyCatalog([path, expected, name]: Awaited<ReturnType<At>>): Promise<string> {
  await verifyFile(path, expected, name);
  return path;
}

async function loadGraph(
  description: GraphDescription,
  at: At,
  arriving: ArrivingFiles['arriving'],
  dimensions: number,
): Promise<ModalityGraph> {
  const [path, expected, name] = await at(graphFile(description.modality));
  await verifyFile(path, expected, name); // before: every offset in it is trusted
  const graph = await openGraph(path, description.dimensions);
  const projectionName = projectionFile(description.modality);
  const directions = arriving.has(projectionName)
    ? new Float32Array(await readVerified(...(await at(projectionName))))
    : undefined;
  return { description, graph, projection: createProjection(directions, dimensions) };
}

function missing(key: string): ChiasmError {
  return new ChiasmError('state_corrupt', `${key} is missing, although the manifest needs it`, { retryable: true });
}
