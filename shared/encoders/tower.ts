/**
 * One tower: a session together with what its family says of it. Checks the graph's inputs and outputs when it is
 * opened, so that a wrong file is refused before the first item, and turns outputs into normalised rows.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Pooling, Tower as TowerLayout } from '#shared/models/model-family.ts';
import type { OpenSession, Session, SessionOptions, Tensor, TensorInfo, Tensors } from '#shared/runtime/session.ts';

export interface Tower {
  readonly path: string;
  readonly inputNames: ReadonlySet<string>;
  readonly hasFeatureMap: boolean;
  /** The size that the graph fixes for a dimension of its main input; undefined where it is open. */
  fixedInputSize(axis: number): number | undefined;
  /** Normalised rows [B, D]. `mask` [B, T] says which tokens count where the embedding is a mean over tokens. */
  embed(inputs: Tensors, batch: number, mask?: BigInt64Array): Promise<Float32Array>;
  /** The same with the tower's feature map, undefined without one. */
  embedWithFeatures(inputs: Tensors, batch: number): Promise<{ rows: Float32Array; features: Tensor | undefined }>;
  close(): Promise<void>;
}

/** Inputs that text graphs may have beside the ids; they are made from the tokens. */
const TEXT_EXTRAS: readonly string[] = ['attention_mask', 'token_type_ids', 'position_ids'];

export async function openTower(
  path: string,
  layout: TowerLayout,
  openSession: OpenSession,
  options: SessionOptions,
): Promise<Tower> {
  const session = await openSession(path, options);
  try {
    return describeTower(path, layout, session);
  } catch (error) {
    await session.close();
    throw error;
  }
}

function describeTower(path: string, layout: TowerLayout, session: Session): Tower {
  const main = requireInputs(path, layout, session);
  const output = layout.outputs.find(({ name }) => session.outputs.some((info) => info.name === name));
  if (!output) {
    const names = layout.outputs.map(({ name }) => name).join(' or ');
    throw new ChiasmError('model_invalid', `${path}: expected an output ${names}; it has ${list(session.outputs)}`);
  }
  const features = session.outputs.find((info) => info.name === layout.featureMap)?.name;
  const finish = (outputs: Tensors, batch: number, mask?: BigInt64Array) =>
    normalisedRows(pool(requireFloats(path, output.name, outputs), output.pooling, batch, path, mask), batch, path);

  return {
    path,
    inputNames: new Set(session.inputs.map(({ name }) => name)),
    hasFeatureMap: features !== undefined,
    fixedInputSize: (axis) => {
      const size = main.shape[axis];
      return typeof size === 'number' ? size : undefined;
    },
    embed: async (inputs, batch, mask) => finish(await session.run(inputs, [output.name]), batch, mask),
    embedWithFeatures: async (inputs, batch) => {
      const outputs = await session.run(inputs, features === undefined ? [output.name] : [output.name, features]);
      return { rows: finish(outputs, batch), features: features === undefined ? undefined : outputs[features] };
    },
    close: () => session.close(),
  };
}

/** The main input's declaration, when it is as expected and no unknown input stands beside it. */
function requireInputs(path: string, layout: TowerLayout, session: Session): TensorInfo {
  const main = session.inputs.find(({ name }) => name === layout.input);
  const type = layout.input === 'input_ids' ? 'int64' : 'float32';
  const unknown = session.inputs.filter(({ name }) => name !== layout.input && !TEXT_EXTRAS.includes(name));
  if (main?.type === type && unknown.length === 0) {
    const batch = main.shape[0];
    if (typeof batch !== 'number' || batch === 1) return main;
    throw new ChiasmError(
      'model_invalid',
      `${path} takes exactly ${batch} inputs at once; export it with an open batch`,
    );
  }
  throw new ChiasmError(
    'model_invalid',
    `${path}: expected the input ${layout.input} (${type}); it has ${list(session.inputs)}`,
  );
}

interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function requireFloats(path: string, name: string, outputs: Tensors): FloatTensor {
  const tensor = outputs[name];
  if (tensor?.type === 'float32') return tensor;
  throw new ChiasmError('model_invalid', `${path}: output ${name} is ${tensor?.type ?? 'absent'}; expected float32`);
}

/** [B, D] as it is; [B, T, D] to [B, D] by the first token or the mean over the tokens that the mask keeps. */
function pool(output: FloatTensor, pooling: Pooling, batch: number, path: string, mask?: BigInt64Array): Float32Array {
  const { shape, data } = output;
  const ranks = pooling === 'none' ? 2 : 3;
  if (shape.length !== ranks || shape[0] !== batch) {
    const expected = ranks === 2 ? `[${batch}, D]` : `[${batch}, T, D]`;
    throw new ChiasmError('model_invalid', `${path}: expected an output ${expected}; got [${shape.join(', ')}]`);
  }
  if (pooling === 'none') return data;
  const [, tokens = 0, dimensions = 0] = shape;
  const pooled = new Float32Array(batch * dimensions);
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < (pooling === 'first' ? 1 : tokens); t++) {
      if (pooling === 'mean' && mask?.[b * tokens + t] === 0n) continue;
      const source = (b * tokens + t) * dimensions;
      for (let d = 0; d < dimensions; d++) pooled[b * dimensions + d]! += data[source + d]!;
    }
  }
  return pooled; // the sum: its direction is the mean's, and only the direction is kept
}

/** Each row divided by its Euclidean norm, in place. @throws ChiasmError `model_invalid` for a row without direction */
function normalisedRows(rows: Float32Array, batch: number, path: string): Float32Array {
  const dimensions = rows.length / batch;
  for (let start = 0; start < rows.length; start += dimensions) {
    let square = 0;
    for (let d = start; d < start + dimensions; d++) square += rows[d]! * rows[d]!;
    const norm = Math.sqrt(square);
    if (!Number.isFinite(norm) || norm === 0) {
      throw new ChiasmError(
        'model_invalid',
        `${path}: gave a vector of norm ${norm}; expected finite numbers, not all 0`,
      );
    }
    for (let d = start; d < start + dimensions; d++) rows[d]! /= norm;
  }
  return rows;
}

const list = (infos: readonly TensorInfo[]): string =>
  infos.map(({ name, type, shape }) => `${name} ${type} [${shape.map((size) => size || '?').join(', ')}]`).join(', ');
