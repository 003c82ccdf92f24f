/** The graphs of the tiny test models: a few operators each, weights from `tiny-meaning.ts`. */

import type { Graph, Initializer, Node } from '#shared/runtime/write-onnx.ts';
import { BAND_HZ, COLOURS, createMeaning, FILLERS, TONES } from './tiny-meaning.ts';

export interface TowerNames {
  readonly output: string;
  /** False leaves the rows as they are, for families whose graphs do not normalise. */
  readonly normalise: boolean;
}

/** Cells of the picture tower's grid on each side. */
const GRID = 4;
const FILTER_SAMPLES = 512;
const HOP_SAMPLES = 128;
const PERIODS = 3.5;

const floats = (name: string, shape: readonly number[], data: Float32Array): Initializer => ({ name, shape, data });
const longs = (name: string, values: readonly number[]): Initializer => ({
  name,
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** The last step: rows to `output`, normalised or as they are. */
function finish(rows: string, { output, normalise }: TowerNames): Node[] {
  if (!normalise) return [{ op: 'Identity', inputs: [rows], outputs: [output] }];
  return [
    { op: 'ReduceL2', inputs: [rows], outputs: ['norm'], attributes: { axes: [-1], keepdims: 1 } },
    { op: 'Div', inputs: [rows, 'norm'], outputs: [output] },
  ];
}

/** The embedding of each token [V, D]: words by their meaning, pieces of words in directions of their own, `padId` zero. */
export function tokenEmbeddings(
  tokens: readonly string[],
  padId: number,
  dimensions: number,
  seed: number,
): Float32Array {
  const meaning = createMeaning(dimensions, seed);
  const table = new Float32Array(tokens.length * dimensions);
  tokens.forEach((token, id) => {
    const word = token.replace('</w>', '');
    const strange = meaning.direction(FILLERS.some((filler) => filler === word) || token.startsWith('[') ? 0.05 : 0.5);
    const colour = COLOURS[word];
    const tone = TONES[word];
    const vector = colour ? meaning.colour(colour) : tone ? meaning.bands(tone) : strange;
    if (id !== padId) table.set(vector, id * dimensions);
  });
  return table;
}

/** sum over t of table[ids[t]] [B, D]; padding adds nothing, because its row is zero. */
export function textGraph(table: Float32Array, dimensions: number, names: TowerNames & { mask: boolean }): Graph {
  const ids = { name: 'input_ids', type: 'int64', shape: ['batch', 'tokens'] } as const;
  const mask = { name: 'attention_mask', type: 'int64', shape: ['batch', 'tokens'] } as const;
  return {
    inputs: names.mask ? [ids, mask] : [ids],
    outputs: [{ name: names.output, type: 'float32', shape: ['batch', dimensions] }],
    initializers: [
      floats('table', [table.length / dimensions, dimensions], table),
      longs('axis1', [1]),
      longs('axis2', [2]),
    ],
    nodes: [
      { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['tokens'], attributes: { axis: 0 } },
      ...(names.mask
        ? [
            { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: 1 } },
            { op: 'Unsqueeze', inputs: ['mask', 'axis2'], outputs: ['mask3'] },
            { op: 'Mul', inputs: ['tokens', 'mask3'], outputs: ['kept'] },
          ]
        : [{ op: 'Identity', inputs: ['tokens'], outputs: ['kept'] }]),
      { op: 'ReduceSum', inputs: ['kept', 'axis1'], outputs: ['rows'], attributes: { keepdims: 0 } },
      ...finish('rows', names),
    ],
  };
}

/** Token vectors [B, T, D] without pooling, as sentence encoders and DINOv2 give them. */
export function tokenGraph(table: Float32Array, dimensions: number, output: string): Graph {
  return {
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
      name,
      type: 'int64',
      shape: ['batch', 'tokens'],
    })),
    outputs: [{ name: output, type: 'float32', shape: ['batch', 'tokens', dimensions] }],
    initializers: [floats('table', [table.length / dimensions, dimensions], table)],
    nodes: [{ op: 'Gather', inputs: ['table', 'input_ids'], outputs: [output], attributes: { axis: 0 } }],
  };
}

/** Mean colour of each cell of a 4 x 4 grid, mapped to the colour's meaning, with a little of where it is. */
export function visionGraph(
  dimensions: number,
  imageSize: number,
  seed: number,
  names: TowerNames & { tokens?: boolean },
): Graph {
  const meaning = createMeaning(dimensions, seed);
  const cells = GRID * GRID;
  const weights = new Float32Array(3 * cells * dimensions);
  for (let channel = 0; channel < 3; channel++) {
    const axis = meaning.colour([channel === 0 ? 1 : 0, channel === 1 ? 1 : 0, channel === 2 ? 1 : 0]);
    for (let cell = 0; cell < cells; cell++) {
      const place = meaning.direction(0.02);
      weights.set(
        axis.map((value, d) => value / cells + place[d]!),
        (channel * cells + cell) * dimensions,
      );
    }
  }
  const kernel = imageSize / GRID;
  const rows = names.tokens ? 'vectors' : 'rows';
  return {
    inputs: [{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, imageSize, imageSize] }],
    outputs: names.tokens
      ? [{ name: names.output, type: 'float32', shape: ['batch', 1, dimensions] }]
      : [
          { name: names.output, type: 'float32', shape: ['batch', dimensions] },
          { name: 'feature_map', type: 'float32', shape: ['batch', 3, GRID, GRID] },
        ],
    initializers: [
      floats('weights', [3 * cells, dimensions], weights),
      floats('bias', [dimensions], meaning.direction(0.02)),
      longs('axis1', [1]),
    ],
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['pixel_values'],
        outputs: ['feature_map'],
        attributes: { kernel_shape: [kernel, kernel], strides: [kernel, kernel] },
      },
      { op: 'Flatten', inputs: ['feature_map'], outputs: ['cells'], attributes: { axis: 1 } },
      { op: 'MatMul', inputs: ['cells', 'weights'], outputs: ['product'] },
      { op: 'Add', inputs: ['product', 'bias'], outputs: [rows] },
      ...(names.tokens
        ? [{ op: 'Unsqueeze', inputs: ['vectors', 'axis1'], outputs: [names.output] }]
        : finish('rows', names)),
    ],
  };
}

/** The share of each frequency band in the energy, mapped to the band's meaning; silence has a meaning of its own. */
export function audioGraph(dimensions: number, sampleRateHz: number, seed: number, names: TowerNames): Graph {
  const meaning = createMeaning(dimensions, seed);
  const bands = BAND_HZ.length;
  const filters = new Float32Array(2 * bands * FILTER_SAMPLES);
  const weights = new Float32Array(2 * bands * dimensions);
  for (let filter = 0; filter < 2 * bands; filter++) {
    const band = filter % bands;
    const phase = filter < bands ? 0 : Math.PI / 2; // sine and cosine: together they do not depend on the phase
    // a few periods long, so that a band is as wide as its distance to the next
    const length = Math.min(FILTER_SAMPLES, Math.round((PERIODS * sampleRateHz) / BAND_HZ[band]!));
    for (let s = 0; s < length; s++) {
      const window = (0.5 - 0.5 * Math.cos((2 * Math.PI * s) / length)) / length;
      filters[filter * FILTER_SAMPLES + s] =
        window * Math.sin((2 * Math.PI * BAND_HZ[band]! * s) / sampleRateHz + phase);
    }
    weights.set(meaning.bands([band]), filter * dimensions);
  }
  return {
    inputs: [{ name: 'input_values', type: 'float32', shape: ['batch', 'samples'] }],
    outputs: [{ name: names.output, type: 'float32', shape: ['batch', dimensions] }],
    initializers: [
      floats('filters', [2 * bands, 1, FILTER_SAMPLES], filters),
      floats('weights', [2 * bands, dimensions], weights),
      floats('silence', [dimensions], meaning.silence),
      floats('floor', [1], Float32Array.of(1e-7)),
      longs('axis1', [1]),
      longs('axis2', [2]),
    ],
    nodes: [
      { op: 'Unsqueeze', inputs: ['input_values', 'axis1'], outputs: ['channel'] },
      {
        op: 'Conv',
        inputs: ['channel', 'filters'],
        outputs: ['filtered'],
        attributes: { kernel_shape: [FILTER_SAMPLES], strides: [HOP_SAMPLES] },
      },
      { op: 'Mul', inputs: ['filtered', 'filtered'], outputs: ['power'] },
      { op: 'ReduceMean', inputs: ['power'], outputs: ['energies'], attributes: { axes: [2], keepdims: 0 } },
      { op: 'ReduceSum', inputs: ['energies', 'axis1'], outputs: ['total'], attributes: { keepdims: 1 } },
      { op: 'Add', inputs: ['total', 'floor'], outputs: ['safeTotal'] },
      { op: 'Div', inputs: ['energies', 'safeTotal'], outputs: ['shares'] },
      { op: 'MatMul', inputs: ['shares', 'weights'], outputs: ['product'] },
      { op: 'Add', inputs: ['product', 'silence'], outputs: ['rows'] },
      ...finish('rows', names),
    ],
  };
}

export interface MelScale {
  /** T and F. */
  readonly frames: number;
  readonly bins: number;
  /** Lowest and highest frequency. */
  readonly lowHz: number;
  readonly highHz: number;
}

/** The same for log-mel frames [B, 1, T, F] in dB: each bin's share of the energy, mapped to the meaning of the nearest band. */
export function melGraph(dimensions: number, seed: number, mel: MelScale, names: TowerNames): Graph {
  const meaning = createMeaning(dimensions, seed);
  const { frames, bins } = mel;
  const toMel = (hz: number) => (hz < 1000 ? (3 * hz) / 200 : 15 + (Math.log(hz / 1000) * 27) / Math.log(6.4));
  const weights = new Float32Array(bins * dimensions);
  for (let bin = 0; bin < bins; bin++) {
    const at = toMel(mel.lowHz) + ((bin + 1) / (bins + 1)) * (toMel(mel.highHz) - toMel(mel.lowHz));
    const distances = BAND_HZ.map((hz) => Math.abs(toMel(hz) - at));
    weights.set(meaning.bands([distances.indexOf(Math.min(...distances))]), bin * dimensions);
  }
  return {
    inputs: [{ name: 'input_features', type: 'float32', shape: ['batch', 1, frames, bins] }],
    outputs: [{ name: names.output, type: 'float32', shape: ['batch', dimensions] }],
    initializers: [
      floats('weights', [bins, dimensions], weights),
      floats('silence', [dimensions], meaning.silence),
      floats('perDecibel', [1], Float32Array.of(Math.LN10 / 10)),
      floats('floor', [1], Float32Array.of(1e-7)),
      longs('axis1', [1]),
    ],
    nodes: [
      { op: 'Mul', inputs: ['input_features', 'perDecibel'], outputs: ['logarithms'] },
      { op: 'Exp', inputs: ['logarithms'], outputs: ['power'] },
      { op: 'ReduceMean', inputs: ['power'], outputs: ['energies'], attributes: { axes: [1, 2], keepdims: 0 } },
      { op: 'ReduceSum', inputs: ['energies', 'axis1'], outputs: ['total'], attributes: { keepdims: 1 } },
      { op: 'Add', inputs: ['total', 'floor'], outputs: ['safeTotal'] },
      { op: 'Div', inputs: ['energies', 'safeTotal'], outputs: ['shares'] },
      { op: 'MatMul', inputs: ['shares', 'weights'], outputs: ['product'] },
      { op: 'Add', inputs: ['product', 'silence'], outputs: ['rows'] },
      ...finish('rows', names),
    ],
  };
}
