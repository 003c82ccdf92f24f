/** One immutable generation, opened: the graph and the vectors in memory, the catalog as a read-only file. */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import hnswlib from 'hnswlib-node';
import { type Catalog, openCatalogFile } from '#shared/catalog/catalog.ts';
import { createFilterItems, type FilterItems } from '#shared/catalog/filter-items.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { spaceKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type DeltaSpace, sha256 } from './delta.ts';
import { readVerified, verifyFile } from './generation-files.ts';
import { GENERATION_FILES, type GenerationDescription, type Manifest, parseGeneration } from './manifest.ts';

export interface Generation {
  readonly manifest: Manifest;
  readonly description: GenerationDescription;
  readonly folded: ReadonlySet<string>;
  readonly catalog: Catalog;
  readonly itemCapacity: number;
  readonly filterItems: FilterItems;
  readonly counts: ReturnType<Catalog['counts']>;
  /** Item id by row; 0 for a free row. */
  readonly owners: Int32Array;
  /** Row-major [rows, D]. */
  readonly vectors: Float32Array;
  /** Labels are row numbers; undefined when there are no vectors. */
  readonly graph: hnswlib.HierarchicalNSW | undefined;
  close(): Promise<void>;
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

/**
 * Opens the generation that `manifest` names. All of it is read and checked before it returns.
 * @throws ChiasmError `state_corrupt` when a file is missing or damaged
 */
export async function openGeneration(
  store: ObjectStore,
  space: DeltaSpace,
  manifest: Manifest,
  scratchFolder: string,
): Promise<Generation> {
  const folder = join(scratchFolder, `${manifest.generation}-${manifest.ulid}`);
  try {
    const files = await locateGeneration(store, space, manifest, folder);
    const { vectors, graph, catalog } = await loadFiles(files, space);
    const itemCapacity = catalog.itemCapacity();
    return {
      manifest,
      description: files.description,
      folded: new Set(files.description.folded),
      catalog,
      itemCapacity,
      filterItems: createFilterItems(catalog, itemCapacity),
      counts: catalog.counts(),
      owners: catalog.itemsOfRows(files.description.rows),
      vectors,
      graph,
      close: async () => {
        catalog.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function loadFiles({ description, paths }: GenerationFiles, space: DeltaSpace) {
  const { catalog: catalogName, vectors: vectorsName, graph: graphName } = GENERATION_FILES;
  const at = (name: string) => [paths.get(name)!, description.files[name]!, `generation file ${name}`] as const;
  const [vectors, graph] = await Promise.all([
    paths.has(vectorsName) ? readVerified(...at(vectorsName)) : new ArrayBuffer(0),
    paths.has(graphName) ? loadGraph(...at(graphName), space.dimensions) : undefined,
    verifyFile(...at(catalogName)),
  ]);
  return { vectors: new Float32Array(vectors), graph, catalog: openCatalogFile(paths.get(catalogName)!) };
}

async function loadGraph(
  path: string,
  expected: { readonly sizeBytes: number; readonly digest: string },
  name: string,
  dimensions: number,
): Promise<hnswlib.HierarchicalNSW> {
  await verifyFile(path, expected, name); // before: hnswlib trusts every offset in its file
  const graph = new hnswlib.HierarchicalNSW('ip', dimensions);
  await graph.readIndex(path);
  return graph;
}

function missing(key: string): ChiasmError {
  return new ChiasmError('state_corrupt', `${key} is missing, although the manifest needs it`, { retryable: true });
}
