/** Trains the two networks of a learned method and keeps the state that is best on the validation pairs. */

import { ChiasmError } from '#shared/core/errors.ts';
import { createRandom } from '#shared/core/random.ts';
import { type Evaluator, openEvaluator } from '../graph/evaluator.ts';
import { OPEN } from '../graph/expression.ts';
import { createNoise, type Layer } from '../graph/layers.ts';
import { input } from '../graph/operators.ts';
import { adamW, cosineSchedule } from '../graph/optimisers.ts';
import { openTrainer, type TrainerDependencies } from '../graph/trainer.ts';
import { STEP, trainingStep } from '../graph/training-step.ts';
import { packArrays, unpackArrays } from '../pack-arrays.ts';
import type { AlignmentOptions, FittedMaps } from './alignment-options.ts';
import type { DeepRecipe } from './alignment-recipe.ts';
import { linearCca } from './linear-cca.ts';
import { fixedProjection, standardise } from './map-network.ts';
import { heldOutCorrelations, type Latents, recalls } from './measure-alignment.ts';
import { createMethod, type Method } from './methods.ts';
import { type Pairs, pairCount, type SplitPairs, standardisation, takePairs, toMatrix } from './pairs.ts';

/** How often the validation pairs are looked at. */
const EVALUATIONS = 20;
const MOST_STEPS_IN_A_RUN = 50;
/** Of the batches that one run is given. */
const BYTES_IN_A_RUN = 64 * 2 ** 20;
const WARM_UP = 0.05;
const CLIP_NORM = 5;
/** For the canonical correlations that finish the maps. */
const REGULARISATION = 1e-4;

type Values = ReadonlyMap<string, Float32Array>;

interface Best {
  readonly step: number;
  readonly score: number;
  readonly values: Values;
}

export async function trainDeep(
  split: SplitPairs,
  recipe: DeepRecipe,
  deps: TrainerDependencies,
  options: AlignmentOptions,
): Promise<FittedMaps> {
  const { training } = split;
  const seed = options.seed ?? 0;
  const standardiseFrom = standardise(standardisation(training.from, training.fromDimensions));
  const standardiseTo = standardise(standardisation(training.to, training.toDimensions));
  const method = createMethod(recipe, {
    fromDimensions: training.fromDimensions,
    toDimensions: training.toDimensions,
    correlations: () => linear(training, recipe.dimensions).correlations,
    numbers: createRandom(seed),
  });
  const from: Layer = (x) => method.from(standardiseFrom(x));
  const to: Layer = (y) => method.to(standardiseTo(y));

  const batch = Math.min(recipe.batchSize, pairCount(training));
  const x = input('from', [batch, training.fromDimensions]);
  const y = input('to', [batch, training.toDimensions]);
  const { loss, reports } = method.loss(standardiseFrom(x), standardiseTo(y), createNoise(STEP, seed));
  const step = trainingStep(loss, {
    optimiser: adamW({ weightDecay: recipe.weightDecay }),
    clipNorm: CLIP_NORM,
    ...(reports && { reports }),
  });
  const schedule = cosineSchedule(recipe.learningRate, recipe.steps, Math.ceil(recipe.steps * WARM_UP));
  const trainer = await openTrainer(step, schedule, deps);
  const evaluator = await openEvaluator(
    { u: from(input('from', [OPEN, training.fromDimensions])), v: to(input('to', [OPEN, training.toDimensions])) },
    deps,
  );
  const latentsOf = (values: Values) => (pairs: Pairs) => latents(evaluator, pairs, values);

  try {
    let best: Best = { step: 0, score: Number.NEGATIVE_INFINITY, values: trainer.values() };
    if (options.checkpoint !== undefined) {
      const resumed = readCheckpoint(options.checkpoint);
      trainer.restore(resumed.values, resumed.step);
      best = resumed.best;
    }
    const evaluateEvery = Math.ceil(recipe.steps / EVALUATIONS);
    const batches = createBatches(training, batch, seed);
    const bytesOfStep = 4 * batch * (training.fromDimensions + training.toDimensions);
    const mostSteps = Math.max(1, Math.min(MOST_STEPS_IN_A_RUN, Math.floor(BYTES_IN_A_RUN / bytesOfStep)));
    while (trainer.steps < recipe.steps) {
      if (options.signal?.aborted) throw new ChiasmError('cancelled', 'the training was cancelled');
      const nextEvaluation = Math.min(recipe.steps, evaluateEvery * (Math.floor(trainer.steps / evaluateEvery) + 1));
      const steps = Math.min(mostSteps, nextEvaluation - trainer.steps);
      const losses = means(await trainer.run(steps, batches(trainer.steps, steps)));
      if (!Number.isFinite(losses.loss)) throw diverged(recipe);
      let validation: number | undefined;
      if (trainer.steps === nextEvaluation) {
        const values = trainer.values();
        if (pairCount(split.validation) > 0) {
          validation = await score(method, split, recipe.dimensions, latentsOf(values));
        }
        const reached = validation ?? trainer.steps; // without validation the last state is the best
        if (reached > best.score) best = { step: trainer.steps, score: reached, values };
        await options.saveCheckpoint?.(writeCheckpoint({ step: trainer.steps, values, best }));
      }
      const progress = { step: trainer.steps, steps: recipe.steps, losses };
      options.onProgress?.(validation === undefined ? progress : { ...progress, validation });
    }
    const finish = await finishing(method, training, recipe.dimensions, latentsOf(best.values));
    return {
      from: (rows) => finish.from(from(rows)),
      to: (rows) => finish.to(to(rows)),
      dimensions: finish.dimensions,
      values: best.values,
      step: best.step,
    };
  } finally {
    await trainer.close();
    await evaluator.close();
  }
}

async function latents(evaluator: Evaluator, pairs: Pairs, values: Values): Promise<Latents> {
  const { u, v } = await evaluator.run(pairCount(pairs), { from: pairs.from, to: pairs.to }, values);
  return { from: u!, to: v! };
}

/** How good the validation pairs are: their total correlation, or the mean of the recalls both ways. */
async function score(
  method: Method,
  { training, validation }: SplitPairs,
  dimensions: number,
  latentsOf: (pairs: Pairs) => Promise<Latents>,
): Promise<number> {
  const held = await latentsOf(validation);
  if (method.finish === 'canonical') {
    return heldOutCorrelations(await latentsOf(training), held, dimensions).reduce((a, b) => a + b, 0);
  }
  const found = [...recalls('', held.from, held.to, dimensions), ...recalls('', held.to, held.from, dimensions)];
  return found.reduce((total, { value }) => total + value, 0) / found.length;
}

/** What comes after the networks. */
async function finishing(
  method: Method,
  training: Pairs,
  dimensions: number,
  latentsOf: (pairs: Pairs) => Promise<Latents>,
): Promise<{ readonly from: Layer; readonly to: Layer; readonly dimensions: number }> {
  if (method.finish === 'direct') return { from: (z) => z, to: (z) => z, dimensions };
  const { from, to } = await latentsOf(training);
  const fit = linearCca(toMatrix(from, dimensions), toMatrix(to, dimensions), dimensions, REGULARISATION);
  return {
    from: fixedProjection(fit.from, fit.correlations),
    to: fixedProjection(fit.to, fit.correlations),
    dimensions: fit.correlations.length,
  };
}

const linear = ({ from, to, fromDimensions, toDimensions }: Pairs, dimensions: number) =>
  linearCca(toMatrix(from, fromDimensions), toMatrix(to, toDimensions), dimensions, REGULARISATION);

/** The pairs of steps, one after the other: each pass over the pairs in an order of its own, without a last part batch. */
function createBatches(pairs: Pairs, batch: number, seed: number) {
  const count = pairCount(pairs);
  const stepsOfPass = Math.floor(count / batch);
  return (firstStep: number, steps: number) => {
    const rows = new Int32Array(steps * batch);
    let order: Int32Array = new Int32Array();
    let pass = -1;
    for (let i = 0; i < steps; i++) {
      const step = firstStep + i;
      if (pass !== Math.floor(step / stepsOfPass)) {
        pass = Math.floor(step / stepsOfPass);
        order = createRandom(seed * 65_537 + pass + 1).permutation(count);
      }
      const start = (step % stepsOfPass) * batch;
      rows.set(order.subarray(start, start + batch), i * batch);
    }
    const { from, to } = takePairs(pairs, rows);
    return { from, to };
  };
}

const means = (reports: Readonly<Record<string, Float32Array>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(reports).map(([name, values]) => [name, values.reduce((a, b) => a + b) / values.length]),
  );

function diverged({ learningRate }: DeepRecipe): ChiasmError {
  return new ChiasmError(
    'invalid_request',
    `the loss is no number any more; try a learning rate below ${learningRate}, or look for extreme values in the vectors`,
  );
}

interface Checkpoint {
  readonly step: number;
  readonly values: Values;
  readonly best: Best;
}

function writeCheckpoint({ step, values, best }: Checkpoint): Uint8Array {
  const named = (prefix: string, arrays: Values) => [...arrays].map(([name, data]) => [prefix + name, data] as const);
  return packArrays({
    facts: { step, best: { step: best.step, score: best.score } },
    arrays: new Map([...named('now/', values), ...named('best/', best.values)]),
  });
}

/** @throws ChiasmError `state_corrupt` */
function readCheckpoint(bytes: Uint8Array): Checkpoint {
  try {
    const { facts, arrays } = unpackArrays(bytes);
    const { step, best } = facts as { step: number; best: { step: number; score: number } };
    const named = (prefix: string) =>
      new Map(
        [...arrays]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, data]) => [name.slice(prefix.length), data]),
      );
    return { step, values: named('now/'), best: { ...best, values: named('best/') } };
  } catch (cause) {
    throw new ChiasmError('state_corrupt', 'the checkpoint of the alignment is damaged; start the training again', {
      cause,
    });
  }
}
