/** Trains one network on some rows until the loss on others no longer falls. Equal data and seed give equal weights. */

import { ChiasmError } from '#shared/core/errors.ts';
import { createRandom } from '#shared/core/random.ts';
import type { ParameterValues } from '#shared/learning/graph/emit-onnx.ts';
import { type Evaluator, openEvaluator } from '#shared/learning/graph/evaluator.ts';
import { type Expression, OPEN } from '#shared/learning/graph/expression.ts';
import { createNoise, logSoftmax, type Noise } from '#shared/learning/graph/layers.ts';
import {
  add,
  divide,
  exp,
  input,
  isPositive,
  maximum,
  multiply,
  negate,
  parameter,
  reshape,
  slice,
  subtract,
  sum,
} from '#shared/learning/graph/operators.ts';
import { adam } from '#shared/learning/graph/optimisers.ts';
import { openTrainer, type TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import { averageName, STEP, type TrainingStep, trainingStep } from '#shared/learning/graph/training-step.ts';
import { packArrays, unpackArrays } from '#shared/learning/pack-arrays.ts';
import { calibratedLoss } from './calibrate-temperature.ts';
import { type InputSpec, widthOf } from './model-inputs.ts';
import { createNetwork, type Network, type NetworkInputs, type NetworkOutputs } from './network.ts';
import type { Recipe } from './recipe.ts';
import type { Task } from './tasks.ts';
import {
  classWeights,
  contentFeeds,
  contentName,
  PRESENT,
  type TrainingData,
  targetFeeds,
  targetName,
} from './training-data.ts';

export interface TrainingRequest {
  readonly data: TrainingData;
  readonly specs: readonly InputSpec[];
  readonly recipe: Recipe;
  readonly train: readonly number[];
  /** Rows that decide when to stop; without any, all epochs are made. */
  readonly validation: readonly number[];
  readonly epochs: number;
  readonly signal: AbortSignal;
  onEpochs(done: { readonly epochs: number; readonly loss: number; readonly validationLoss?: number }): void;
  /** What `saveState` was given in an earlier attempt. */
  readonly state?: Uint8Array | undefined;
  saveState(state: Uint8Array): Promise<void>;
}

export interface TrainedNetwork {
  readonly network: Network;
  readonly values: ParameterValues;
  /** Epochs after which the weights were taken. */
  readonly epochs: number;
  /** For each task [n, K] logits of the rows. @param given kinds of content that are shown; all when absent */
  evaluate(rows: readonly number[], given?: readonly string[]): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

const DEFAULT_STEPS = 6_000;
/** Steps between two evaluations at least: small sets have epochs of one or two steps. */
const STEPS_A_ROUND = 16;
/** Bounds the memory of the batches that one run is given, and how long a wish to cancel waits. */
const STEPS_A_RUN = 64;
const EVALUATION_ROWS = 256;
const SAVE_EVERY_MS = 5_000;
const MIN_WEIGHT = 1e-6;
/** A network is its weights averaged over the last hundred steps or so: single steps pull it to and fro. */
const AVERAGE_DECAY = 0.99;

/** Passes over `rows` rows when the recipe does not say how many. */
export function epochsOf(recipe: Recipe, rows: number): number {
  return recipe.epochs ?? Math.min(300, Math.max(20, Math.ceil(DEFAULT_STEPS / stepsOf(recipe, rows))));
}

const stepsOf = (recipe: Recipe, rows: number): number => Math.ceil(rows / Math.min(recipe.batchSize, rows));

/** @throws ChiasmError `cancelled`, and `invalid_request` when the loss is no number any more */
export async function trainNetwork(deps: TrainerDependencies, request: TrainingRequest): Promise<TrainedNetwork> {
  const { data, specs, recipe, train, validation, epochs } = request;
  const network = createNetwork(specs, data.tasks, recipe);
  const batch = Math.min(recipe.batchSize, train.length);
  const evaluator = await openEvaluator(evaluationOutputs(network, specs, data.tasks), deps);
  const step = classifierStep(network, specs, data.tasks, recipe, batch);
  const trainer = await openTrainer(step, () => recipe.learningRate, deps);
  const evaluate = (values: ParameterValues) => (rows: readonly number[], given?: readonly string[]) =>
    evaluateRows(evaluator, data, rows, values, given);

  const stepsAnEpoch = stepsOf(recipe, train.length);
  const roundEpochs = Math.ceil(STEPS_A_ROUND / stepsAnEpoch);
  const patience = recipe.patience ?? Math.max(8, Math.ceil(epochs / 5));
  const weights = classWeights(data.tasks, train, recipe.classWeights === 'balanced');
  let best: Best = { epochs: 0, loss: Number.POSITIVE_INFINITY, values: averagesOf(trainer.values()) };
  let done = 0;
  if (request.state !== undefined) {
    const resumed = readState(request.state);
    trainer.restore(resumed.values, resumed.epochs * stepsAnEpoch);
    ({ best, epochs: done } = resumed);
  }
  let savedAt = performance.now();
  try {
    while (done < epochs && (validation.length === 0 || done - best.epochs < patience)) {
      const until = Math.min(epochs, done + roundEpochs);
      const order = batchesOf(train, batch, done, until, recipe.seed);
      let loss = 0;
      for (let start = 0; start < order.length; start += STEPS_A_RUN * batch) {
        if (request.signal.aborted) throw new ChiasmError('cancelled', 'the training was cancelled');
        const rows = order.subarray(start, start + STEPS_A_RUN * batch);
        const feeds = { ...contentFeeds(data, rows), ...targetFeeds(data, rows, weights) };
        const reports = await trainer.run(rows.length / batch, feeds);
        loss += reports.loss!.reduce((total, value) => total + value, 0) / (order.length / batch);
      }
      if (!Number.isFinite(loss)) throw diverged(recipe);
      done = until;
      const state = trainer.values();
      const values = averagesOf(state);
      if (validation.length === 0) best = { epochs: done, loss, values };
      const validationLoss =
        validation.length === 0 ? undefined : validationLossOf(data, validation, await evaluate(values)(validation));
      if (validationLoss !== undefined && validationLoss < best.loss)
        best = { epochs: done, loss: validationLoss, values };
      request.onEpochs({ epochs: done, loss, ...(validationLoss !== undefined && { validationLoss }) });
      if (performance.now() - savedAt > SAVE_EVERY_MS) {
        await request.saveState(writeState({ epochs: done, values: state, best }));
        savedAt = performance.now();
      }
    }
  } catch (thrown) {
    await evaluator.close();
    throw thrown;
  } finally {
    await trainer.close();
  }
  return {
    network,
    values: best.values,
    epochs: best.epochs,
    evaluate: evaluate(best.values),
    close: () => evaluator.close(),
  };
}

interface Best {
  readonly epochs: number;
  readonly loss: number;
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** What is evaluated and kept: for each parameter its running average. */
function averagesOf(state: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array> {
  const names = [...state.keys()].filter((name) => state.has(averageName(name)));
  return new Map(names.map((name) => [name, state.get(averageName(name))!]));
}

interface TrainingState {
  readonly epochs: number;
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly best: Best;
}

function diverged({ learningRate }: Recipe): ChiasmError {
  return new ChiasmError(
    'invalid_request',
    `the loss is no number any more; try a learning rate below ${learningRate}, or look for extreme values in the signals`,
  );
}

/** Rows of all batches of some epochs, each epoch in an order of its own; -1 fills the last batch of an epoch. */
function batchesOf(rows: readonly number[], batch: number, from: number, until: number, seed: number): Int32Array {
  const padded = Math.ceil(rows.length / batch) * batch;
  const order = new Int32Array((until - from) * padded).fill(-1);
  for (let epoch = from; epoch < until; epoch++) {
    const permutation = createRandom(seed * 65_537 + epoch).permutation(rows.length);
    order.set(
      permutation.map((i) => rows[i]!),
      (epoch - from) * padded,
    );
  }
  return order;
}

function networkInputs(specs: readonly InputSpec[], batch: number): NetworkInputs {
  return {
    contents: specs.map((spec) => input(contentName(spec), [batch, widthOf(spec)])),
    present: input(PRESENT, [batch, specs.length]),
  };
}

function evaluationOutputs(network: Network, specs: readonly InputSpec[], tasks: readonly Task[]) {
  const { logits } = network(networkInputs(specs, OPEN));
  return Object.fromEntries(tasks.map(({ name }, t) => [`logits/${name}`, logits[t]!]));
}

/** One step of Adam on the loss of a batch. */
function classifierStep(
  network: Network,
  specs: readonly InputSpec[],
  tasks: readonly Task[],
  recipe: Recipe,
  batch: number,
): TrainingStep {
  const noise = createNoise(STEP, recipe.seed);
  const { contents, present } = networkInputs(specs, batch);
  const shown = hideModalities(present, recipe.modalityDropout, noise);
  const outputs = network({ contents, present: shown }, noise);
  const losses = tasks.map((task, t) => {
    const target = input(targetName(task), [batch, task.classes.length]);
    return taskLoss(outputs, t, target, shown);
  });
  const loss =
    recipe.taskWeighting === 'uncertainty' && tasks.length > 1 ? byUncertainty(losses, tasks) : sumOf(losses);
  const total = outputs.penalty === undefined ? loss : add(loss, outputs.penalty);
  return trainingStep(total, { optimiser: adam(), averageDecay: AVERAGE_DECAY });
}

/** Hides each kind of content with the given probability, but never all that a row has. */
function hideModalities(present: Expression, rate: number, noise: Noise): Expression {
  if (rate === 0 || present.shape[1] === 1) return present;
  const kept = multiply(present, isPositive(subtract(noise.uniform(present.shape), rate)));
  const any = isPositive(sum(kept, [1]));
  return add(multiply(kept, any), multiply(present, subtract(1, any)));
}

/** Of the fused answer; in decision fusion also of what each kind of content says by itself. */
function taskLoss(
  { logits, decisions }: NetworkOutputs,
  t: number,
  target: Expression,
  present: Expression,
): Expression {
  const fused = weightedCrossEntropy(logits[t]!, target);
  const own = (decisions?.[t] ?? []).map((decision, m) =>
    weightedCrossEntropy(decision, multiply(target, slice(present, 1, m, m + 1))),
  );
  return own.length === 0 ? fused : add(fused, multiply(sumOf(own), 1 / own.length));
}

/** -sum_ik y_ik log softmax(z_i)_k / sum_ik y_ik, [1, 1]. @param targets [B, K], the weight of a row at its class */
function weightedCrossEntropy(logits: Expression, targets: Expression): Expression {
  return negate(divide(sum(multiply(targets, logSoftmax(logits))), maximum(sum(targets), MIN_WEIGHT)));
}

/** sum_t exp(-s_t) L_t + s_t / 2, s_t = log sigma_t^2 learned (Kendall, Gal and Cipolla 2018, equation 10). */
function byUncertainty(losses: readonly Expression[], tasks: readonly Task[]): Expression {
  return sumOf(
    losses.map((loss, t) => {
      const s = parameter(`uncertainty/${tasks[t]!.name}`, [1, 1], new Float32Array(1));
      return add(multiply(exp(negate(s)), loss), multiply(s, 0.5));
    }),
  );
}

const sumOf = (terms: readonly Expression[]): Expression =>
  terms.map((term) => reshape(term, [1, 1])).reduce((total, term) => add(total, term));

async function evaluateRows(
  evaluator: Evaluator,
  data: TrainingData,
  rows: readonly number[],
  values: ParameterValues,
  given?: readonly string[],
): Promise<readonly Float32Array[]> {
  const logits = data.tasks.map(({ classes }) => new Float32Array(rows.length * classes.length));
  for (let start = 0; start < rows.length; start += EVALUATION_ROWS) {
    const block = rows.slice(start, start + EVALUATION_ROWS);
    const outputs = await evaluator.run(block.length, contentFeeds(data, block, given), values);
    data.tasks.forEach(({ name, classes }, t) => {
      logits[t]!.set(outputs[`logits/${name}`]!, start * classes.length);
    });
  }
  return logits;
}

/**
 * Summed over tasks. After calibration, since a temperature is fitted in the end anyway: otherwise the label set on which the
 * network gets too sure of itself first would stop the others.
 */
const validationLossOf = ({ tasks }: TrainingData, rows: readonly number[], logits: readonly Float32Array[]): number =>
  tasks.reduce((total, { classes, labels }, t) => {
    const own = rows.map((row) => labels[row]!);
    return total + calibratedLoss(logits[t]!, classes.length, own);
  }, 0);

function writeState({ epochs, values, best }: TrainingState): Uint8Array {
  const arrays = new Map([
    ...[...values].map(([name, data]): [string, Float32Array] => [`now ${name}`, data]),
    ...[...best.values].map(([name, data]): [string, Float32Array] => [`best ${name}`, data]),
  ]);
  return packArrays({ facts: { epochs, bestEpochs: best.epochs, bestLoss: best.loss }, arrays });
}

function readState(bytes: Uint8Array): TrainingState {
  const { facts, arrays } = unpackArrays(bytes);
  const { epochs, bestEpochs, bestLoss } = facts as { epochs: number; bestEpochs: number; bestLoss: number | null };
  const under = (prefix: string) =>
    new Map(
      [...arrays].flatMap(([name, data]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), data] as const] : [],
      ),
    );
  const loss = bestLoss ?? Number.POSITIVE_INFINITY; // JSON has no infinity
  return { epochs, values: under('now '), best: { epochs: bestEpochs, loss, values: under('best ') } };
}
