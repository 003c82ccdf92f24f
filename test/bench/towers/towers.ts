/** The published towers by their sizes; sources: the config.json of each model. */

import type { Graph } from '#shared/runtime/write-onnx.ts';
import { createGraphBuilder, type GraphBuilder, type Layers, type Precision } from './graph-builder.ts';

const layers = (width: number, heads: number, activation: Layers['activation'], rest: Partial<Layers> = {}): Layers => ({
  width, heads, activation, depth: 12, hidden: 4 * width, epsilon: 1e-5, ...rest,
}); // biome-ignore format: one line

const CLIP_VISION = layers(768, 12, 'quick-gelu');
const CLIP_TEXT = layers(512, 8, 'quick-gelu');
const SIGLIP = layers(768, 12, 'tanh-gelu', { epsilon: 1e-6 });
const DINOV2 = layers(384, 6, 'gelu', { epsilon: 1e-6 });
const ROBERTA = layers(768, 12, 'gelu');

const IDS = { name: 'input_ids', type: 'int64', shape: ['batch', 'tokens'] } as const;
const MASK = { ...IDS, name: 'attention_mask' } as const;
const picture = (side: number) => ({ name: 'pixel_values', type: 'float32', shape: ['batch', 3, side, side] }) as const;
const rows = (name: string, D: number) => ({ name, type: 'float32', shape: ['batch', D] }) as const;
const tokens = (D: number) => ({ name: 'last_hidden_state', type: 'float32', shape: ['batch', 'tokens', D] }) as const;

/** [B, T, D] from pixels [B, 3, H, W]. */
function patches(
  b: GraphBuilder,
  input: string,
  channels: number,
  kernel: readonly [number, number],
  D: number,
): string {
  const conv = b.op('Conv', [input, b.weights([D, channels, ...kernel]), b.weights([D])], {
    kernel_shape: kernel,
    strides: kernel,
  });
  return b.op('Transpose', [b.op('Reshape', [conv, b.integers(0, D, -1)])], { perm: [0, 2, 1] });
}

const firstToken = (b: GraphBuilder, x: string) =>
  b.op('Gather', [x, b.constant(new BigInt64Array(1), [])], { axis: 1 });

/** Token and position embeddings of ids [B, T]. */
function embedText(b: GraphBuilder, vocabulary: number, positions: number, D: number): string {
  const places = b.op('Slice', [b.weights([positions, D]), b.integers(0), b.size('input_ids', 1), b.integers(0)]);
  return b.op('Add', [b.embedding('input_ids', vocabulary, D), places]);
}

export function clipVision(precision: Precision, seed = 1): Graph {
  const b = createGraphBuilder(precision, seed);
  const D = CLIP_VISION.width;
  const grid = patches(b, 'pixel_values', 3, [32, 32], D);
  const all = b.op('Concat', [b.learnedRow('pixel_values', D), grid], { axis: 1 });
  const start = b.layerNorm(b.op('Add', [all, b.weights([50, D])]), D, CLIP_VISION.epsilon);
  const end = b.layerNorm(firstToken(b, b.encode(start, CLIP_VISION)), D, CLIP_VISION.epsilon);
  return b.finish('image_embeds', b.product(end, D, 512), {
    inputs: [picture(224)],
    outputs: [rows('image_embeds', 512)],
  });
}

export function clipText(precision: Precision, vocabulary = 49_408, seed = 2): Graph {
  const b = createGraphBuilder(precision, seed);
  const D = CLIP_TEXT.width;
  const future = Float32Array.from({ length: 77 * 77 }, (_, i) => (i % 77 > Math.floor(i / 77) ? -1e4 : 0));
  const length = b.size('input_ids', 1);
  const ends = b.op('Concat', [length, length], { axis: 0 });
  const mask = b.op('Slice', [b.constant(future, [77, 77]), b.integers(0, 0), ends, b.integers(0, 1)]);
  const state = b.encode(embedText(b, vocabulary, 77, D), CLIP_TEXT, { mask });
  const normal = b.layerNorm(state, D, CLIP_TEXT.epsilon);
  const end = b.op('Unsqueeze', [b.op('ArgMax', ['input_ids'], { axis: 1, keepdims: 1 }), b.integers(2)]);
  const index = b.op('Expand', [end, b.op('Concat', [b.size('input_ids', 0), b.integers(1, D)], { axis: 0 })]);
  const last = b.op('Squeeze', [b.op('GatherElements', [normal, index], { axis: 1 }), b.integers(1)]);
  return b.finish('text_embeds', b.product(last, D, 512), { inputs: [IDS], outputs: [rows('text_embeds', 512)] });
}

export function siglipVision(precision: Precision, seed = 3): Graph {
  const b = createGraphBuilder(precision, seed);
  const D = SIGLIP.width;
  const start = b.op('Add', [patches(b, 'pixel_values', 3, [16, 16], D), b.weights([196, D])]);
  const state = b.layerNorm(b.encode(start, SIGLIP), D, SIGLIP.epsilon);
  const pooled = b.attention(b.learnedRow('pixel_values', D), state, SIGLIP);
  const head = b.op('Add', [pooled, b.feedForward(b.layerNorm(pooled, D, SIGLIP.epsilon), SIGLIP)]);
  return b.finish('pooler_output', firstToken(b, head), {
    inputs: [picture(224)],
    outputs: [rows('pooler_output', D)],
  });
}

export function siglipText(precision: Precision, vocabulary: number, seed = 4): Graph {
  const b = createGraphBuilder(precision, seed);
  const D = SIGLIP.width;
  const state = b.layerNorm(b.encode(embedText(b, vocabulary, 64, D), SIGLIP), D, SIGLIP.epsilon);
  const last = b.op('Gather', [state, b.constant(BigInt64Array.of(-1n), [])], { axis: 1 });
  return b.finish('pooler_output', b.linear(last, D, D), { inputs: [IDS], outputs: [rows('pooler_output', D)] });
}

export function dinov2(precision: Precision, seed = 5): Graph {
  const b = createGraphBuilder(precision, seed);
  const D = DINOV2.width;
  const grid = patches(b, 'pixel_values', 3, [14, 14], D);
  const all = b.op('Concat', [b.learnedRow('pixel_values', D), grid], { axis: 1 });
  const state = b.encode(b.op('Add', [all, b.weights([257, D])]), DINOV2, { scaled: true });
  const end = b.layerNorm(state, D, DINOV2.epsilon);
  return b.finish('last_hidden_state', end, { inputs: [picture(224)], outputs: [tokens(D)] });
}

/** Hidden states of a BERT: MiniLM, and the text tower of CLAP (RoBERTa). */
function bert(b: GraphBuilder, size: Layers, vocabulary: number, positions: number): string {
  const open = b.op('Unsqueeze', [b.op('Cast', ['attention_mask'], { to: 1 }), b.integers(1, 2)]);
  const mask = b.op('Mul', [b.op('Sub', [open, b.floats(1)]), b.floats(1e4)]);
  const start = b.layerNorm(embedText(b, vocabulary, positions, size.width), size.width, size.epsilon);
  return b.encodePostNorm(start, size, mask);
}

export function miniLm(precision: Precision, depth: number, vocabulary: number, seed = 6): Graph {
  const b = createGraphBuilder(precision, seed);
  const size = layers(384, 12, 'gelu', { depth, hidden: 1536, epsilon: 1e-12 });
  const inputs = [IDS, MASK, { ...IDS, name: 'token_type_ids' }];
  return b.finish('last_hidden_state', bert(b, size, vocabulary, 512), { inputs, outputs: [tokens(384)] });
}

export function clapText(precision: Precision, vocabulary = 50_265, seed = 7): Graph {
  const b = createGraphBuilder(precision, seed);
  const state = firstToken(b, bert(b, ROBERTA, vocabulary, 514));
  const pooled = b.op('Tanh', [b.linear(state, 768, 768)]);
  const projected = b.linear(b.op('Relu', [b.linear(pooled, 768, 512)]), 512, 512);
  return b.finish('text_embeds', projected, { inputs: [IDS, MASK], outputs: [rows('text_embeds', 512)] });
}

/** Not HTSAT: a transformer of as many weights (28 million) over the same frames. */
export function clapAudio(precision: Precision, seed = 8): Graph {
  const b = createGraphBuilder(precision, seed);
  const size = layers(768, 12, 'gelu', { depth: 4 });
  const grid = patches(b, 'input_features', 1, [16, 16], size.width);
  const all = b.op('Concat', [b.learnedRow('input_features', size.width), grid], { axis: 1 });
  const state = firstToken(b, b.layerNorm(b.encode(all, size), size.width, size.epsilon));
  const projected = b.linear(b.op('Relu', [b.linear(state, 768, 512)]), 512, 512);
  const frames = { name: 'input_features', type: 'float32', shape: ['batch', 1, 1001, 64] } as const;
  return b.finish('audio_embeds', projected, { inputs: [frames], outputs: [rows('audio_embeds', 512)] });
}
