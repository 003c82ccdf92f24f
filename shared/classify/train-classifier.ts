/**
 * From a labelled data set to a stored version: read and check every row, embed, train, calibrate, measure on rows that
 * were not trained on, export. A job: it reports progress and goes on from a checkpoint.
 */

import { z } from 'zod';
import type { Clock } from '#shared/core/clock.ts';
import { type Example, exampleSchema } from '#shared/datasets/example.ts';
import { createProblems } from '#shared/datasets/problems.ts';
import { type ReadFeaturesDependencies, readFeatures } from '#shared/datasets/read-features.ts';
import { type DatasetLimits, type Row, readJsonLines } from '#shared/datasets/read-json-lines.ts';
import { trainedNameSchema } from '#shared/datasets/trained-name.ts';
import type { JobMetrics } from '#shared/jobs/job.ts';
import type { JobContext } from '#shared/jobs/job-kind.ts';
import type { TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { ClassifierCard } from './classifier-card.ts';
import type { ClassifierStore } from './classifier-store.ts';
import { exportClassifier } from './export-classifier.ts';
import { collectInputs } from './model-inputs.ts';
import { recipeSchema } from './recipe.ts';
import { collectTasks } from './tasks.ts';
import { trainPlan } from './train-plan.ts';
import type { TrainingData } from './training-data.ts';
import { planTraining } from './training-plan.ts';

export const trainClassifierSchema = z.strictObject({
  name: trainedNameSchema,
  /** Key of an object of JSON lines. */
  dataset: z.string(),
  recipe: recipeSchema,
  /** Whether the version answers as soon as it is trained. */
  promote: z.boolean().default(true),
});

type TrainClassifierRequest = z.output<typeof trainClassifierSchema>;

export interface TrainClassifierDependencies extends ReadFeaturesDependencies {
  readonly mediaStore: Pick<ObjectStore, 'get' | 'head' | 'stream'>;
  readonly classifiers: ClassifierStore;
  readonly trainer: TrainerDependencies;
  readonly clock: Clock;
  readonly datasetLimits?: DatasetLimits;
}

/** Shares of the progress when everything is embedded, and when everything is trained. */
const EMBEDDED = 0.3;
const TRAINED = 0.97;

/**
 * @returns the number of the version, and its accuracy for each task
 * @throws ChiasmError `invalid_request` with everything that is wrong with the data set, `not_found`, `too_large`, `cancelled`
 */
export async function trainClassifier(
  deps: TrainClassifierDependencies,
  request: TrainClassifierRequest,
  context: JobContext,
): Promise<JobMetrics> {
  const { name, dataset, recipe } = request;
  const { examples, data, etag } = await readTrainingData(deps, request, context);
  const plan = planTraining(examples, data.tasks, recipe);
  const report = (share: number, values: JobMetrics) => context.report(EMBEDDED + (TRAINED - EMBEDDED) * share, values);
  const trained = await trainPlan(deps.trainer, { data, recipe, plan, context, report });
  const { network, specs, temperatures, metrics, missing } = trained;
  await network.close();
  const tasks = data.tasks.map((task, t) => ({ ...task, temperature: temperatures[t]! }));
  const model = exportClassifier(network.network, specs, tasks, network.values);
  const { train, validation, test } = plan.split;
  const describe = (version: number, digest: string): ClassifierCard => ({
    name,
    version,
    createdAt: new Date(deps.clock.now()).toISOString(),
    dataset,
    etag,
    recipe,
    inputs: [...specs],
    tasks: tasks.map(({ name: task, classes, temperature }) => ({ name: task, classes, temperature })),
    rows: { train: train.length, validation: validation.length, test: test.length },
    folds: plan.folds.length,
    epochs: network.epochs,
    metrics,
    missing,
    digest,
  });
  const { version } = await deps.classifiers.add(name, model, describe, request.promote);
  const accuracies = Object.entries(metrics).map(([task, { accuracy }]) => [`accuracy/${task}`, accuracy.value]);
  return { version, ...Object.fromEntries(accuracies) };
}

interface ReadData {
  readonly examples: readonly Row<Example>[];
  readonly data: TrainingData;
  readonly etag: string;
}

/** @throws ChiasmError `invalid_request` with everything that is wrong with the data set */
export async function readTrainingData(
  deps: Pick<TrainClassifierDependencies, 'mediaStore' | 'datasetLimits' | keyof ReadFeaturesDependencies>,
  { dataset, recipe }: Pick<TrainClassifierRequest, 'dataset' | 'recipe'>,
  { signal, report }: Pick<JobContext, 'signal' | 'report'>,
): Promise<ReadData> {
  const problems = createProblems();
  const head = await deps.mediaStore.head(dataset);
  const examples = await readJsonLines(deps.mediaStore, dataset, exampleSchema, problems, deps.datasetLimits);
  const tasks = collectTasks(examples, recipe.tasks, problems);
  problems.refuse(dataset); // before anything is embedded, which takes longest
  const encoded = await readFeatures(deps, dataset, examples, problems, {
    signal,
    onProgress: (share) => report(EMBEDDED * share),
    ...(recipe.inputs && { modalities: recipe.inputs }),
  });
  const inputs = collectInputs(examples, encoded, recipe.inputs, problems);
  problems.refuse(dataset);
  return { examples, data: { inputs, tasks }, etag: head?.etag ?? '' };
}
