/**
 * Writes a tiny, complete answer model in the layout of ViLT's exports (or of the bundled one). It knows the colour of a
 * picture, and says "yes" to a question with "dog" in it and "no" to one with "cat".
 */

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { COLOURS } from './tiny-meaning.ts';
import { wordPieceTokenizer } from './tiny-tokenizers.ts';

export const TINY_ANSWERS = ['red', 'green', 'blue', 'white', 'black', 'yes', 'no', 'garbage_bin'] as const;

export interface AnswerModelSettings {
  /** `vilt` has all of ViLT's inputs and keeps a picture's aspect. @default 'chiasm-reader' */
  readonly type?: 'chiasm-reader' | 'vilt';
  /** Written into a card. @default none */
  readonly abstainBelow?: number;
}

const MAX_TOKENS = 16;
const SHARPNESS = 2.5;

/** Returns `target`, which is created. */
export async function makeAnswerModel(target: string, settings: AnswerModelSettings = {}): Promise<string> {
  const { type = 'chiasm-reader', abstainBelow } = settings;
  const tokenizer = wordPieceTokenizer(MAX_TOKENS);
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const files: Record<string, Uint8Array> = {
    'config.json': json({
      model_type: type,
      id2label: Object.fromEntries(TINY_ANSWERS.map((answer, id) => [id, answer])),
      max_position_embeddings: MAX_TOKENS,
    }),
    'tokenizer.json': json(tokenizer.json),
    'tokenizer_config.json': json(tokenizer.config),
    'preprocessor_config.json': json({
      image_processor_type: type === 'vilt' ? 'ViltImageProcessor' : 'CLIPImageProcessor',
      do_resize: true,
      ...(type === 'vilt' ? { size: { shortest_edge: 64 }, size_divisor: 32 } : { size: { height: 16, width: 16 } }),
      resample: 3,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    }),
    'onnx/model.onnx': writeOnnx(answerGraph(tokenizer.tokens, type === 'vilt')),
  };
  if (abstainBelow !== undefined) files['chiasm.json'] = json(makeCard(files, abstainBelow));
  await mkdir(join(target, 'onnx'), { recursive: true });
  await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(join(target, name), bytes)));
  return target;
}

function makeCard(files: Readonly<Record<string, Uint8Array>>, abstainBelow: number): object {
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  return {
    name: 'tiny-answers',
    version: '1',
    licence: 'Apache-2.0',
    abstainBelow,
    files: Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [name, { sha256: digest(bytes), sizeBytes: bytes.length }]),
    ),
  };
}

/** logits [B, A] = mean colour [B, 3] x answers' colours + sum over tokens of table[id]. */
function answerGraph(tokens: readonly string[], vilt: boolean): Graph {
  const count = TINY_ANSWERS.length;
  const table = new Float32Array(tokens.length * count);
  table[tokens.indexOf('dog') * count + TINY_ANSWERS.indexOf('yes')] = 12;
  table[tokens.indexOf('cat') * count + TINY_ANSWERS.indexOf('no')] = 12;
  const colours = new Float32Array(3 * count);
  TINY_ANSWERS.forEach((answer, a) => {
    COLOURS[answer]?.forEach((value, channel) => {
      colours[channel * count + a] = SHARPNESS * value;
    });
  });
  const ids = (name: string) => ({ name, type: 'int64', shape: ['batch', 'tokens'] }) as const;
  const pixels = { name: 'pixel_values', type: 'float32', shape: ['batch', 3, 'height', 'width'] } as const;
  const pixelMask = { name: 'pixel_mask', type: 'int64', shape: ['batch', 'height', 'width'] } as const;
  return {
    inputs: vilt
      ? [ids('input_ids'), ids('attention_mask'), ids('token_type_ids'), pixels, pixelMask]
      : [ids('input_ids'), pixels],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', count] }],
    initializers: [
      { name: 'table', shape: [tokens.length, count], data: table },
      { name: 'colours', shape: [3, count], data: colours },
      { name: 'axis1', shape: [1], data: BigInt64Array.of(1n) },
      { name: 'axis2', shape: [1], data: BigInt64Array.of(2n) },
    ],
    nodes: [
      { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['colour'], attributes: { axes: [2, 3], keepdims: 0 } },
      { op: 'MatMul', inputs: ['colour', 'colours'], outputs: ['seen'] },
      { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['words'], attributes: { axis: 0 } },
      ...(vilt ? VILT_MASKS : [{ op: 'Identity', inputs: ['words'], outputs: ['kept'] }]),
      { op: 'ReduceSum', inputs: ['kept', 'axis1'], outputs: ['asked'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['seen', 'asked'], outputs: [vilt ? 'sum' : 'logits'] },
      ...(vilt ? VILT_PIXELS : []),
    ],
  };
}

const VILT_MASKS: Graph['nodes'] = [
  { op: 'Sub', inputs: ['attention_mask', 'token_type_ids'], outputs: ['counted'] },
  { op: 'Cast', inputs: ['counted'], outputs: ['mask'], attributes: { to: 1 } },
  { op: 'Unsqueeze', inputs: ['mask', 'axis2'], outputs: ['mask3'] },
  { op: 'Mul', inputs: ['words', 'mask3'], outputs: ['kept'] },
];

/** Nothing is seen through a mask of zeros. */
const VILT_PIXELS: Graph['nodes'] = [
  { op: 'Cast', inputs: ['pixel_mask'], outputs: ['visible'], attributes: { to: 1 } },
  { op: 'ReduceMean', inputs: ['visible'], outputs: ['share'], attributes: { axes: [1, 2], keepdims: 0 } },
  { op: 'Unsqueeze', inputs: ['share', 'axis1'], outputs: ['share2'] },
  { op: 'Mul', inputs: ['sum', 'share2'], outputs: ['logits'] },
];
