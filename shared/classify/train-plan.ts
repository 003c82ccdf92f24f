/** Trains the networks of a plan one after another, and measures. What is done is in the checkpoint. */

import type { JobContext } from '#shared/jobs/job-kind.ts';
import type { TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import {
  fitTemperatures,
  type HeldOut,
  type HeldOutMetrics,
  holdOut,
  measureHeldOut,
  shownSubsets,
} from './held-out.ts';
import { fitNormalisation, type InputSpec } from './model-inputs.ts';
import type { Recipe } from './recipe.ts';
import type { Split } from './split-rows.ts';
import { epochsOf, type TrainedNetwork, trainNetwork } from './train-network.ts';
import { readCheckpoint, writeCheckpoint } from './training-checkpoint.ts';
import type { TrainingData } from './training-data.ts';
import type { TrainingPlan } from './training-plan.ts';

export interface TrainedPlan extends HeldOutMetrics {
  /** To be closed by the caller. */
  readonly network: TrainedNetwork;
  readonly specs: readonly InputSpec[];
  /** For each task. */
  readonly temperatures: readonly number[];
}

export interface TrainPlanRequest {
  readonly data: TrainingData;
  readonly recipe: Recipe;
  readonly plan: TrainingPlan;
  readonly context: Pick<JobContext, 'signal' | 'loadCheckpoint' | 'saveCheckpoint'>;
  /** @param share 0 to 1 */
  report(share: number, values: Readonly<Record<string, number>>): void;
}

export async function trainPlan(deps: TrainerDependencies, request: TrainPlanRequest): Promise<TrainedPlan> {
  const { data, recipe, plan, context } = request;
  const subsets = shownSubsets(data);
  const saved = await context.loadCheckpoint();
  const resumed = saved === undefined ? { heldOut: [], state: new Uint8Array() } : readCheckpoint(saved);
  const heldOut: HeldOut[] = [...resumed.heldOut];
  const save = (state: Uint8Array) => context.saveCheckpoint(writeCheckpoint({ heldOut, state }));

  const train = async (split: Split, stage: number, epochs: number) => {
    const specs = data.inputs.map((column) => fitNormalisation(column, split.train));
    const begun = stage === resumed.heldOut.length && resumed.state.length > 0;
    const network = await trainNetwork(deps, {
      data,
      specs,
      recipe,
      train: split.train,
      validation: split.validation,
      epochs,
      signal: context.signal,
      onEpochs: ({ epochs: epoch, ...losses }) =>
        request.report((stage + epoch / epochs) / (plan.folds.length + 1), { fold: stage, epoch, ...losses }),
      state: begun ? resumed.state : undefined,
      saveState: save,
    });
    return { network, specs };
  };

  for (const [stage, fold] of plan.folds.entries()) {
    if (stage < heldOut.length) continue;
    const { network } = await train(fold, stage, epochsOf(recipe, fold.train.length));
    heldOut.push(await holdOut(network, fold, subsets));
    await network.close();
    await save(new Uint8Array());
  }
  const { network, specs } = await train(plan.split, plan.folds.length, lastEpochs(recipe, plan, heldOut));
  const last = await holdOut(network, plan.split, subsets);
  const temperatures = fitTemperatures(data, plan.folds.length === 0 ? [last] : heldOut);
  const measured = plan.split.test.length === 0 ? heldOut : [last];
  return { network, specs, temperatures, ...measureHeldOut(data, measured, subsets, temperatures) };
}

/** Nothing tells the network that trains on everything when to stop, so it makes as many epochs as the folds on average. */
function lastEpochs(recipe: Recipe, { split, folds }: TrainingPlan, heldOut: readonly HeldOut[]): number {
  if (folds.length === 0) return epochsOf(recipe, split.train.length);
  return Math.max(1, Math.round(heldOut.reduce((sum, { epochs }) => sum + epochs, 0) / heldOut.length));
}
