/**
 * Transformer graphs with generated weights: the operators and sizes of the published towers, so that they take as long as
 * those, with vectors that mean nothing. With `int8` the products are quantised as dynamic quantisation does it: weights by
 * column, activations at run time.
 */

import type { Attribute, Graph, Initializer, Node } from '#shared/runtime/write-onnx.ts';
import { createRandom } from '../../models/tiny-meaning.ts';

export type Precision = 'float32' | 'int8';
export type Activation = 'gelu' | 'quick-gelu' | 'tanh-gelu' | 'relu';

export interface Layers {
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly hidden: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

export type GraphBuilder = ReturnType<typeof createGraphBuilder>;

const NOISE = 1 << 16;
/** Weights have 8 bits less one: where the processor has no VNNI, sums of two products of 8 bits saturate. */
const INT8_RANGE = 63;

export function createGraphBuilder(precision: Precision, seed: number) {
  let nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const random = createRandom(seed);
  const noise = Float32Array.from({ length: NOISE }, () => (random() + random() + random() - 1.5) * 2);
  let names = 0;
  const fresh = (stem: string) => `${stem}_${names++}`;

  const constant = (data: Initializer['data'], shape: readonly number[]): string => {
    const name = fresh('constant');
    initializers.push({ name, shape, data });
    return name;
  };
  const floats = (...values: number[]) =>
    constant(Float32Array.from(values), values.length === 1 ? [] : [values.length]);
  const integers = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), [values.length]);
  const op = (name: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string => {
    const output = fresh(name);
    nodes.push({ op: name, inputs, outputs: [output], attributes });
    return output;
  };

  /** Random numbers of a standard deviation, quick to make: a table read from changing places. */
  const values = (count: number, deviation: number): Float32Array => {
    const data = new Float32Array(count);
    for (let start = 0; start < count; start += NOISE / 2) {
      const from = Math.floor(random() * (NOISE / 2));
      const chunk = noise.subarray(from, from + Math.min(NOISE / 2, count - start));
      for (let i = 0; i < chunk.length; i++) data[start + i] = chunk[i]! * deviation;
    }
    return data;
  };
  const weights = (shape: readonly number[], deviation = 0.02) =>
    constant(
      values(
        shape.reduce((product, size) => product * size, 1),
        deviation,
      ),
      shape,
    );

  /** x [.., K] times W [K, N], without a bias. */
  const product = (x: string, K: number, N: number): string => {
    const matrix = values(K * N, 1 / Math.sqrt(K));
    if (precision === 'float32') return op('MatMul', [x, constant(matrix, [K, N])]);
    const { data, scales } = quantizeColumns(matrix, K, N);
    const [quantized, scale, zero] = [fresh('quantized'), fresh('scale'), fresh('zero')];
    nodes.push({ op: 'DynamicQuantizeLinear', inputs: [x], outputs: [quantized, scale, zero] });
    const whole = op('MatMulInteger', [quantized, constant(data, [K, N]), zero, constant(new Int8Array(N), [N])]);
    const factor = op('Mul', [scale, constant(scales, [N])]);
    return op('Mul', [op('Cast', [whole], { to: 1 }), factor]);
  };
  const linear = (x: string, K: number, N: number) => op('Add', [product(x, K, N), weights([N])]);

  const layerNorm = (x: string, width: number, epsilon: number) => {
    const scale = constant(new Float32Array(width).fill(1), [width]);
    return op('LayerNormalization', [x, scale, weights([width])], { axis: -1, epsilon: { float: epsilon } });
  };

  const activate = (x: string, activation: Activation): string => {
    if (activation === 'relu') return op('Relu', [x]);
    if (activation === 'quick-gelu') return op('Mul', [x, op('Sigmoid', [op('Mul', [x, floats(1.702)])])]);
    const inner =
      activation === 'gelu'
        ? op('Erf', [op('Div', [x, floats(Math.SQRT2)])])
        : op('Tanh', [
            op('Mul', [
              op('Add', [x, op('Mul', [op('Pow', [x, floats(3)]), floats(0.044715)])]),
              floats(Math.sqrt(2 / Math.PI)),
            ]),
          ]);
    return op('Mul', [op('Mul', [x, op('Add', [inner, floats(1)])]), floats(0.5)]);
  };

  /** Multi-head attention of `query` [B, Tq, D] over `memory` [B, T, D]; `mask` is added to the scores [B, H, Tq, T]. */
  const attention = (query: string, memory: string, { width, heads }: Layers, mask?: string): string => {
    const size = width / heads;
    const split = (x: string) => op('Reshape', [linear(x, width, width), integers(0, 0, heads, size)]);
    const q = op('Transpose', [split(query)], { perm: [0, 2, 1, 3] });
    const k = op('Transpose', [split(memory)], { perm: [0, 2, 3, 1] });
    const v = op('Transpose', [split(memory)], { perm: [0, 2, 1, 3] });
    const scores = op('Mul', [op('MatMul', [q, k]), floats(1 / Math.sqrt(size))]);
    const shares = op('Softmax', [mask === undefined ? scores : op('Add', [scores, mask])], { axis: -1 });
    const joined = op('Transpose', [op('MatMul', [shares, v])], { perm: [0, 2, 1, 3] });
    return linear(op('Reshape', [joined, integers(0, 0, width)]), width, width);
  };
  const feedForward = (x: string, { width, hidden, activation }: Layers) =>
    linear(activate(linear(x, width, hidden), activation), hidden, width);

  /** Layers that normalise first (all but BERT); `scaled` multiplies each branch by a learned vector (DINOv2). */
  const encode = (x: string, layers: Layers, options: { mask?: string; scaled?: boolean } = {}): string => {
    const { width, depth, epsilon } = layers;
    const branch = (y: string) => (options.scaled ? op('Mul', [y, weights([width], 1)]) : y);
    let state = x;
    for (let layer = 0; layer < depth; layer++) {
      const normal = layerNorm(state, width, epsilon);
      state = op('Add', [state, branch(attention(normal, normal, layers, options.mask))]);
      state = op('Add', [state, branch(feedForward(layerNorm(state, width, epsilon), layers))]);
    }
    return state;
  };

  /** Layers that normalise afterwards, as BERT. */
  const encodePostNorm = (x: string, layers: Layers, mask: string): string => {
    const { width, depth, epsilon } = layers;
    let state = x;
    for (let layer = 0; layer < depth; layer++) {
      state = layerNorm(op('Add', [state, attention(state, state, layers, mask)]), width, epsilon);
      state = layerNorm(op('Add', [state, feedForward(state, layers)]), width, epsilon);
    }
    return state;
  };

  /** Rows of a table [V, D] by ids; in int8 the table is quantised too. */
  const embedding = (ids: string, V: number, D: number): string => {
    const table = values(V * D, 0.02);
    if (precision === 'float32') return op('Gather', [constant(table, [V, D]), ids], { axis: 0 });
    const scale = 0.06 / INT8_RANGE;
    const quantized = new Int8Array(table.length);
    for (let i = 0; i < table.length; i++) quantized[i] = Math.round(table[i]! / scale);
    const rows = op('Gather', [constant(quantized, [V, D]), ids], { axis: 0 });
    return op('Mul', [op('Cast', [rows], { to: 1 }), floats(scale)]);
  };

  /** The sizes [axis, axis + 1) of a tensor, as a list of one. */
  const size = (x: string, axis: number) => op('Shape', [x], { start: axis, end: axis + 1 });

  /** A learned row [1, 1, D] once for each of the batch of x. */
  const learnedRow = (x: string, D: number) =>
    op('Expand', [weights([1, 1, D]), op('Concat', [size(x, 0), integers(1, D)], { axis: 0 })]);

  const node = (given: Node) => void nodes.push(given);

  /** What `make` adds becomes a graph of its own, for If: it sees the values and weights of the graph around it. */
  const branch = (make: () => readonly string[], outputs: readonly string[]): Graph => {
    const around = nodes;
    nodes = [];
    for (const [i, value] of make().entries()) nodes.push({ op: 'Identity', inputs: [value], outputs: [outputs[i]!] });
    const own = nodes;
    nodes = around;
    const shape = ['batch', 'heads', 'rows', 'size'];
    return {
      inputs: [],
      outputs: outputs.map((name) => ({ name, type: 'float32', shape })),
      nodes: own,
      initializers: [],
    };
  };

  const finish = (output: string, result: string, graph: Pick<Graph, 'inputs' | 'outputs'>): Graph => {
    nodes.push({ op: 'Identity', inputs: [result], outputs: [output] });
    return { ...graph, nodes, initializers };
  };

  return {
    op, floats, integers, constant, weights, product, linear, layerNorm, activate, attention, feedForward,
    encode, encodePostNorm, embedding, size, learnedRow, node, branch, finish,
  }; // biome-ignore format: a list of names
}

/** W [K, N] as 7-bit integers with one scale for each column: W = data x scales. */
export function quantizeColumns(matrix: Float32Array, K: number, N: number): { data: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(N);
  const data = new Int8Array(K * N);
  for (let k = 0, i = 0; k < K; k++) {
    for (let n = 0; n < N; n++, i++) scales[n] = Math.max(scales[n]!, Math.abs(matrix[i]!));
  }
  for (let n = 0; n < N; n++) scales[n] = Math.max(scales[n]!, 1e-12) / INT8_RANGE;
  for (let k = 0, i = 0; k < K; k++) {
    for (let n = 0; n < N; n++, i++) data[i] = Math.round(matrix[i]! / scales[n]!);
  }
  return { data, scales };
}
