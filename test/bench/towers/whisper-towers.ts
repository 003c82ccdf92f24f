/** Whisper base by its sizes (config.json of openai/whisper-base), in the layout of its merged ONNX export. */

import type { Graph } from '#shared/runtime/write-onnx.ts';
import { createGraphBuilder, type GraphBuilder, type Layers, type Precision } from './graph-builder.ts';

export const WHISPER_BASE: Layers = {
  width: 512,
  depth: 6,
  heads: 8,
  hidden: 2_048,
  activation: 'gelu',
  epsilon: 1e-5,
};
export const WHISPER_VOCABULARY = 51_865;
const MEL_BINS = 80;
const POSITIONS = 1_500;
const TARGET_POSITIONS = 448;
const D = WHISPER_BASE.width;
const HEAD = D / WHISPER_BASE.heads;

/** input_features [B, 80, 3000] -> last_hidden_state [B, 1500, D]. */
export function whisperEncoder(precision: Precision, seed = 11): Graph {
  const b = createGraphBuilder(precision, seed);
  const convolve = (x: string, channels: number, stride: number) => {
    const weights = [b.weights([D, channels, 3]), b.weights([D])];
    return b.activate(b.op('Conv', [x, ...weights], { kernel_shape: [3], strides: [stride], pads: [1, 1] }), 'gelu');
  };
  const frames = b.op('Transpose', [convolve(convolve('input_features', MEL_BINS, 1), D, 2)], { perm: [0, 2, 1] });
  const state = b.encode(b.op('Add', [frames, b.weights([POSITIONS, D])]), WHISPER_BASE);
  return b.finish('last_hidden_state', b.layerNorm(state, D, WHISPER_BASE.epsilon), {
    inputs: [{ name: 'input_features', type: 'float32', shape: ['batch_size', MEL_BINS, 2 * POSITIONS] }],
    outputs: [{ name: 'last_hidden_state', type: 'float32', shape: ['batch_size', POSITIONS, D] }],
  });
}

const PARTS = ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'] as const;

/**
 * input_ids [B, T], encoder_hidden_states [B, 1500, D] and the cache -> logits [B, T, V] and the cache. The first step computes
 * keys and values of the sound; later ones (`use_cache_branch`) take them from the cache.
 */
export function whisperDecoder(precision: Precision, seed = 12): Graph {
  const b = createGraphBuilder(precision, seed);
  const { depth, epsilon } = WHISPER_BASE;
  const past = b.op('Shape', ['past_key_values.0.decoder.key'], { start: 2, end: 3 });
  const now = b.op('Add', [past, b.size('input_ids', 1)]);
  const [first, last] = [firstOnly(b, past), firstOnly(b, now)];
  const table = b.embedding('input_ids', WHISPER_VOCABULARY, D);
  const places = b.op('Slice', [b.weights([TARGET_POSITIONS, D]), past, now, b.integers(0)]);
  let state = b.op('Add', [table, places]);
  // a token sees those before it: column j is hidden from row i of the new ones when j > past + i
  const one = b.constant(BigInt64Array.of(1n), []);
  const zero = b.constant(BigInt64Array.of(0n), []);
  const columns = b.op('Unsqueeze', [b.op('Range', [zero, last, one]), b.integers(0)]);
  const rows = b.op('Unsqueeze', [b.op('Range', [first, last, one]), b.integers(1)]);
  const hidden = b.op('Cast', [b.op('Greater', [columns, rows])], { to: 1 });
  const mask = b.op('Mul', [hidden, b.floats(-1e4)]);
  for (let layer = 0; layer < depth; layer++) {
    const own = b.layerNorm(state, D, epsilon);
    const grown = (kind: 'key' | 'value') => {
      const names = [`past_key_values.${layer}.decoder.${kind}`, headsOf(b, b.linear(own, D, D))];
      return keep(b, b.op('Concat', names, { axis: 2 }), `present.${layer}.decoder.${kind}`);
    };
    state = b.op('Add', [state, attend(b, own, grown('key'), grown('value'), mask)]);
    state = b.op('Add', [state, hearSound(b, layer, b.layerNorm(state, D, epsilon))]);
    state = b.op('Add', [state, b.feedForward(b.layerNorm(state, D, epsilon), WHISPER_BASE)]);
  }
  const logits = b.product(b.layerNorm(state, D, epsilon), D, WHISPER_VOCABULARY);
  const cache = (prefix: string, length: string) =>
    Array.from({ length: depth }, (_, layer) =>
      PARTS.map((part) => ({
        name: `${prefix}.${layer}.${part}`,
        type: 'float32' as const,
        shape: ['batch_size', WHISPER_BASE.heads, part.startsWith('decoder') ? length : 'sound_length', HEAD],
      })),
    ).flat();
  return b.finish('logits', logits, {
    inputs: [
      { name: 'input_ids', type: 'int64', shape: ['batch_size', 'tokens'] },
      { name: 'encoder_hidden_states', type: 'float32', shape: ['batch_size', 'sound', D] },
      ...cache('past_key_values', 'past_length'),
      { name: 'use_cache_branch', type: 'bool', shape: [1] },
    ],
    outputs: [
      { name: 'logits', type: 'float32', shape: ['batch_size', 'tokens', WHISPER_VOCABULARY] },
      ...cache('present', 'total_length'),
    ],
  });
}

const firstOnly = (b: GraphBuilder, list: string) => b.op('Squeeze', [list, b.integers(0)]);

/** [B, T, D] -> [B, H, T, D / H]. */
const headsOf = (b: GraphBuilder, x: string) =>
  b.op('Transpose', [b.op('Reshape', [x, b.integers(0, 0, WHISPER_BASE.heads, HEAD)])], { perm: [0, 2, 1, 3] });

/** Query [B, T, D] over keys and values [B, H, P, D / H]. */
function attend(b: GraphBuilder, query: string, key: string, value: string, mask?: string): string {
  return joinHeads(b, weigh(b, headsOf(b, b.linear(query, D, D)), key, value, mask));
}

/** softmax(q k^T / sqrt(D / H)) v, [B, H, T, D / H]. */
function weigh(b: GraphBuilder, q: string, key: string, value: string, mask?: string): string {
  const across = b.op('Transpose', [key], { perm: [0, 1, 3, 2] });
  const scores = b.op('Mul', [b.op('MatMul', [q, across]), b.floats(1 / Math.sqrt(HEAD))]);
  const shares = b.op('Softmax', [mask === undefined ? scores : b.op('Add', [scores, mask])], { axis: -1 });
  return b.op('MatMul', [shares, value]);
}

function joinHeads(b: GraphBuilder, heads: string): string {
  const joined = b.op('Transpose', [heads], { perm: [0, 2, 1, 3] });
  return b.linear(b.op('Reshape', [joined, b.integers(0, 0, D)]), D, D);
}

/** Gives a value the name of an output. */
function keep(b: GraphBuilder, value: string, name: string): string {
  b.node({ op: 'Identity', inputs: [value], outputs: [name] });
  return name;
}

/** Attention over the sound. Its keys and values are computed once; a later step gives empty ones out, as the export does. */
function hearSound(b: GraphBuilder, layer: number, query: string): string {
  const q = headsOf(b, b.linear(query, D, D));
  const heard = `heard.${layer}`;
  const presents = [`present.${layer}.encoder.key`, `present.${layer}.encoder.value`];
  const computed = () => {
    const [key, value] = [1, 2].map(() => headsOf(b, b.linear('encoder_hidden_states', D, D)));
    return [weigh(b, q, key!, value!), key!, value!];
  };
  const kept = () => {
    const nothing = b.constant(new Float32Array(0), [1, WHISPER_BASE.heads, 0, HEAD]);
    const pasts = [`past_key_values.${layer}.encoder.key`, `past_key_values.${layer}.encoder.value`] as const;
    return [weigh(b, q, ...pasts), nothing, nothing];
  };
  const names = (kind: string) => [heard, ...presents].map((name) => `${name}.${kind}`);
  const attributes = {
    then_branch: { graph: b.branch(kept, names('kept')) },
    else_branch: { graph: b.branch(computed, names('computed')) },
  };
  b.node({ op: 'If', inputs: ['use_cache_branch'], outputs: [heard, ...presents], attributes });
  return joinHeads(b, heard);
}
