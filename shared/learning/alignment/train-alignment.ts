/** From pairs of vectors to two maps into one space, a bridge, and a card with what was measured. Same pairs and seed, same result. */

import { createHash } from 'node:crypto';
import { ChiasmError } from '#shared/core/errors.ts';
import { createRandom } from '#shared/core/random.ts';
import { dot } from '#shared/core/vector.ts';
import { exportModel, type ParameterValues } from '../graph/emit-onnx.ts';
import { OPEN } from '../graph/expression.ts';
import { type Layer, unitRows } from '../graph/layers.ts';
import { input } from '../graph/operators.ts';
import type { TrainerDependencies } from '../graph/trainer.ts';
import type { AlignmentCard, AlignmentFile } from './alignment-card.ts';
import type { AlignmentOptions, FittedMaps } from './alignment-options.ts';
import type { AlignmentRecipe, RecipeOf } from './alignment-recipe.ts';
import { calibrateBridge } from './calibrate-bridge.ts';
import { fitBridge } from './fit-bridge.ts';
import { linearCca } from './linear-cca.ts';
import { fixedProjection } from './map-network.ts';
import { heldOutCorrelations, recalls } from './measure-alignment.ts';
import { checkPairs, type Pairs, pairCount, type SplitPairs, splitPairs, toMatrix } from './pairs.ts';
import { runMap } from './run-map.ts';
import { trainDeep } from './train-deep.ts';

export interface TrainedAlignment {
  readonly files: Readonly<Record<AlignmentFile, Uint8Array>>;
  readonly card: AlignmentCard;
}

/** @throws ChiasmError `invalid_request` for pairs that cannot be learned from, `cancelled` after `signal` */
export async function trainAlignment(
  pairs: Pairs,
  recipe: AlignmentRecipe,
  deps: TrainerDependencies,
  options: AlignmentOptions = {},
): Promise<TrainedAlignment> {
  checkPairs(pairs);
  if (options.heldOut !== undefined) checkPairs(options.heldOut);
  const seed = options.seed ?? 0;
  const split = splitPairs(pairs, createRandom(seed), options.heldOut, options.validationShare);
  const maps =
    recipe.method === 'linear-cca' ? fitLinear(split, recipe) : await trainDeep(split, recipe, deps, options);
  if (options.signal?.aborted) throw new ChiasmError('cancelled', 'the training was cancelled');

  const { fromDimensions, toDimensions } = pairs;
  const map = (layer: Layer, vectors: Float32Array, size: number) =>
    runMap(mapModel(layer, size, maps.values), vectors, size, deps);
  const latents = async (part: Pairs) => ({
    from: await map(maps.from, part.from, fromDimensions),
    to: await map(maps.to, part.to, toDimensions),
  });
  const training = await latents(split.training);
  const heldOut = await latents(split.heldOut);
  const toBridge = fitBridge(
    split.training.to,
    toDimensions,
    unitVectors(training.to, maps.dimensions),
    maps.dimensions,
  );
  const unit =
    (layer: Layer): Layer =>
    (x) =>
      unitRows(layer(x));
  const bridge: Layer = unit((x) => toBridge(maps.from(x)));
  const bridged = await map(bridge, split.heldOut.from, fromDimensions);
  const files = {
    'from.onnx': mapModel(unit(maps.from), fromDimensions, maps.values),
    'to.onnx': mapModel(unit(maps.to), toDimensions, maps.values),
    'bridge.onnx': mapModel(bridge, fromDimensions, maps.values),
  };

  const correlations = [...heldOutCorrelations(training, heldOut, maps.dimensions)].sort((a, b) => b - a);
  const u = unitVectors(heldOut.from, maps.dimensions);
  const v = unitVectors(heldOut.to, maps.dimensions);
  const calibration = calibrateBridge(bridged, split.heldOut.to, toDimensions);
  const card: AlignmentCard = {
    recipe,
    seed,
    fromDimensions,
    toDimensions,
    dimensions: maps.dimensions,
    pairs: {
      training: pairCount(split.training),
      validation: pairCount(split.validation),
      heldOut: pairCount(split.heldOut),
    },
    step: maps.step,
    correlations,
    ...(calibration && { calibration }),
    metrics: [
      { name: 'total correlation', value: correlations.reduce((a, b) => a + b, 0), chance: 0 },
      ...recalls('from to', u, v, maps.dimensions),
      ...recalls('to from', v, u, maps.dimensions),
      ...recalls('bridge', bridged, split.heldOut.to, toDimensions),
    ],
    files: Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [name, describe(bytes)]),
    ) as AlignmentCard['files'],
  };
  return { files, card };
}

/** Canonical correlations in closed form. Nothing is chosen by validation, so its pairs are learned from too. */
function fitLinear(split: SplitPairs, { dimensions, regularisation }: RecipeOf<'linear-cca'>): FittedMaps {
  const { from, to, fromDimensions, toDimensions } = split.training;
  const fit = linearCca(toMatrix(from, fromDimensions), toMatrix(to, toDimensions), dimensions, regularisation);
  return {
    from: fixedProjection(fit.from, fit.correlations),
    to: fixedProjection(fit.to, fit.correlations),
    dimensions: fit.correlations.length,
    values: new Map(),
    step: 0,
  };
}

const mapModel = (layer: Layer, dimensions: number, values: ParameterValues): Uint8Array =>
  exportModel({ mapped: layer(input('vectors', [OPEN, dimensions])) }, values);

/** Rows divided by their length. */
function unitVectors(matrix: Float32Array, dimensions: number): Float32Array {
  const rows = matrix.slice();
  for (let start = 0; start < rows.length; start += dimensions) {
    const length = Math.sqrt(dot(rows, rows, dimensions, start, start));
    for (let i = start; i < start + dimensions; i++) rows[i]! /= length || 1;
  }
  return rows;
}

const describe = (bytes: Uint8Array) => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  sizeBytes: bytes.length,
});
