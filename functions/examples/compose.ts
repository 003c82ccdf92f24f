/** What a worked example needs: the model, a folder of data, and classifiers trained as the API trains them. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import { recipeSchema } from '#shared/classify/recipe.ts';
import { readTrainingData } from '#shared/classify/train-classifier.ts';
import { trainPlan } from '#shared/classify/train-plan.ts';
import { planTraining } from '#shared/classify/training-plan.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { type ContentEmbedder, createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createFolderObjectStore } from '#shared/store/folder-object-store.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { createOverlayObjectStore } from '#shared/store/overlay-object-store.ts';

export interface Workbench {
  readonly embedder: ContentEmbedder;
  /** Trains on rows of a classifier's data set whose keys are paths in the folder, and measures as for its card. */
  train(rows: readonly object[], recipe: object): Promise<HeldOutMetrics>;
  /** Objects of a file of JSON lines in the folder. */
  readRows(file: string): Promise<readonly Readonly<Record<string, string>>[]>;
  readBytes(file: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Vectors are kept under `dataFolder`, so that a second run begins with the training. */
export async function composeWorkbench(folder: string, model: string, dataFolder: string): Promise<Workbench> {
  const encoder = await loadEncoder(await findModel(model, { dataFolder }), { openSession: createOnnxSession });
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  const lower = { name: folder, store: createFolderObjectStore(folder) };
  const mediaStore = createOverlayObjectStore(createMemoryObjectStore(), [lower]);
  const deps = {
    spaces: { spaceOf: () => ({ encoder }), embedder, items: { item: async () => undefined } },
    mediaStore,
    cache: createFeatureCache(createFileObjectStore(join(dataFolder, 'examples'))),
  };
  const dataset = 'chiasm-example.jsonl';
  return {
    embedder,
    train: async (rows, wanted) => {
      await mediaStore.put(dataset, Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')));
      const recipe = recipeSchema.parse(wanted);
      const context = {
        signal: new AbortController().signal,
        report: () => {},
        loadCheckpoint: async () => undefined,
        saveCheckpoint: async () => {},
      };
      const { examples, data } = await readTrainingData(deps, { dataset, recipe }, context);
      const plan = planTraining(examples, data.tasks, recipe);
      const trainer = { openSession: createOnnxSession };
      const { network, ...measured } = await trainPlan(trainer, { data, recipe, plan, context, report: () => {} });
      await network.close();
      return measured;
    },
    readRows: async (file) => {
      const lines = (await readFile(join(folder, file), 'utf8')).split('\n');
      return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Record<string, string>);
    },
    readBytes: (file) => readFile(join(folder, file)),
    close: () => encoder.close(),
  };
}
