/**
 * Writes tiny, complete vision-language models in the layouts of SmolVLM's and Florence-2's ONNX exports: the same files,
 * input and output names, with generated weights. They say "it is COLOUR", with the colour of the picture, word by word.
 * Vectors [D]: one place for each token of the vocabulary, then three for red, green and blue.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Graph, type Node, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { COLOURS } from './tiny-meaning.ts';
import { type TinyTokenizer, wordPieceTokenizer } from './tiny-tokenizers.ts';

const SPECIAL = [
  '<image>',
  '<fake_token_around_image>',
  '<global-img>',
  '<|im_start|>',
  '<end_of_utterance>',
  '<s>',
  '</s>',
];
const SAID = ['it', 'is', 'user', 'assistant', ':'];
const NAMED = ['red', 'green', 'blue', 'white', 'black'] as const;
const IMAGE_SIDE = 16;

export type Files = Record<string, Uint8Array>;
export const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

interface Vocabulary {
  readonly tokenizer: TinyTokenizer;
  id(token: string): number;
  readonly size: number;
  /** D */
  readonly width: number;
}

function createVocabulary(): Vocabulary {
  const base = wordPieceTokenizer(512);
  const more = [...SPECIAL, ...SAID].filter((token) => !base.tokens.includes(token));
  const tokens = [...base.tokens, ...more];
  const id = (token: string) => tokens.indexOf(token);
  const plain = base.json as { added_tokens: object[]; model: object };
  const added = SPECIAL.map((content) => ({
    id: id(content), content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false,
  })); // biome-ignore format: one line
  const tokenizer = {
    ...base,
    tokens,
    json: {
      ...plain,
      added_tokens: [...plain.added_tokens, ...added],
      post_processor: null,
      model: { ...plain.model, vocab: Object.fromEntries(tokens.map((token, i) => [token, i])) },
    },
    config: { ...base.config, eos_token: '</s>', bos_token: '<s>', additional_special_tokens: SPECIAL },
  };
  return { tokenizer, id, size: tokens.length, width: tokens.length + 3 };
}

export async function makeSmolVlm(target: string): Promise<string> {
  const vocabulary = createVocabulary();
  const { tokenizer, id, width, size } = vocabulary;
  const text = { model_type: 'llama', hidden_size: width, num_attention_heads: 1, num_key_value_heads: 1, num_hidden_layers: 1, head_dim: width, vocab_size: size }; // biome-ignore format: one line
  const stop = id('<end_of_utterance>');
  return writeFiles(target, {
    'config.json': json({
      model_type: 'smolvlm',
      image_token_id: id('<image>'),
      text_config: text,
      vision_config: {},
      eos_token_id: stop,
    }),
    'generation_config.json': json({ eos_token_id: stop, pad_token_id: 0 }),
    'preprocessor_config.json': json({
      image_processor_type: 'Idefics3ImageProcessor', processor_class: 'Idefics3Processor', do_convert_rgb: true, do_image_splitting: false, do_resize: true, do_rescale: true, do_normalize: true,
      rescale_factor: 1 / 255, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], resample: 1, size: { longest_edge: IMAGE_SIDE },
      max_image_size: { longest_edge: IMAGE_SIDE }, do_pad: true,
    }), // biome-ignore format: the file's own layout
    'processor_config.json': json({ processor_class: 'Idefics3Processor', image_seq_len: 1 }),
    'tokenizer.json': json(tokenizer.json),
    'tokenizer_config.json': json({
      ...tokenizer.config,
      chat_template:
        "{% for m in messages %}{{ m.role }}: {% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endfor %}<end_of_utterance> {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
    }),
    'onnx/embed_tokens.onnx': writeOnnx(embedTokens(vocabulary)),
    'onnx/vision_encoder.onnx': writeOnnx(smolVision(vocabulary)),
    'onnx/decoder_model_merged.onnx': writeOnnx(smolDecoder(vocabulary)),
  });
}

export async function makeFlorence2(target: string): Promise<string> {
  const vocabulary = createVocabulary();
  const { tokenizer, id, width, size } = vocabulary;
  const ends = {
    bos_token_id: id('<s>'),
    eos_token_id: id('</s>'),
    pad_token_id: 0,
    decoder_start_token_id: id('</s>'),
  };
  const text = { model_type: 'florence2_language', d_model: width, vocab_size: size, encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 1, decoder_attention_heads: 1, is_encoder_decoder: true, ...ends }; // biome-ignore format: one line
  return writeFiles(target, {
    'config.json': json({
      model_type: 'florence2',
      is_encoder_decoder: true,
      text_config: text,
      vision_config: {},
      ...ends,
    }),
    'generation_config.json': json(ends),
    'preprocessor_config.json': json({
      image_processor_type: 'CLIPImageProcessor', processor_class: 'Florence2Processor', do_resize: true, size: { height: IMAGE_SIDE, width: IMAGE_SIDE }, resample: 3,
      do_center_crop: false, do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], image_seq_length: 1,
      task_prompts_without_inputs: { '<CAPTION>': 'a picture of a red square' }, task_prompts_with_input: {},
      tasks_answer_post_processing_type: { '<CAPTION>': 'pure_text' },
    }), // biome-ignore format: the file's own layout
    'tokenizer.json': json(tokenizer.json),
    'tokenizer_config.json': json(tokenizer.config),
    'onnx/embed_tokens.onnx': writeOnnx(embedTokens(vocabulary)),
    'onnx/vision_encoder.onnx': writeOnnx(florenceVision(vocabulary)),
    'onnx/encoder_model.onnx': writeOnnx(florenceEncoder(vocabulary)),
    'onnx/decoder_model_merged.onnx': writeOnnx(florenceDecoder(vocabulary)),
  });
}

/** Returns `target`, which is created. */
export async function writeFiles(target: string, files: Files): Promise<string> {
  await mkdir(join(target, 'onnx'), { recursive: true });
  await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(join(target, name), bytes)));
  return target;
}

export const floats = (
  name: string,
  shape: readonly number[],
  fill: (set: (at: number, value: number) => void) => void,
) => {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  fill((at, value) => {
    data[at] = value;
  });
  return { name, shape, data };
};
export const longs = (name: string, ...values: number[]) => ({ name, shape: [values.length], data: BigInt64Array.from(values, BigInt) }); // biome-ignore format: one line
export const value = (name: string, shape: readonly (number | string)[], type: 'float32' | 'int64' | 'bool' = 'float32') => ({ name, type, shape }); // biome-ignore format: one line

function embedTokens({ size, width }: Vocabulary): Graph {
  return {
    inputs: [value('input_ids', ['batch', 'tokens'], 'int64')],
    outputs: [value('inputs_embeds', ['batch', 'tokens', width])],
    initializers: [
      floats('table', [size, width], (set) => Array.from({ length: size }, (_, i) => set(i * width + i, 1))),
    ],
    nodes: [{ op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['inputs_embeds'], attributes: { axis: 0 } }],
  };
}

/** Mean colours into the last three places. */
const spread = ({ width }: Vocabulary) =>
  floats('spread', [3, width], (set) => {
    for (const c of [0, 1, 2]) set(c * width + width - 3 + c, 1);
  });

function smolVision(vocabulary: Vocabulary): Graph {
  return {
    inputs: [
      value('pixel_values', ['batch', 'pictures', 3, 'height', 'width']),
      value('pixel_attention_mask', ['batch', 'pictures', 'height', 'width'], 'bool'),
    ],
    outputs: [value('image_features', ['all', 1, vocabulary.width])],
    initializers: [spread(vocabulary), longs('rows', -1, 1, 3)],
    nodes: [
      { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['mean'], attributes: { axes: [3, 4], keepdims: 0 } },
      { op: 'Reshape', inputs: ['mean', 'rows'], outputs: ['one'] },
      { op: 'MatMul', inputs: ['one', 'spread'], outputs: ['image_features'] },
    ],
  };
}

function florenceVision(vocabulary: Vocabulary): Graph {
  return {
    inputs: [value('pixel_values', ['batch', 3, 'height', 'width'])],
    outputs: [value('image_features', ['batch', 1, vocabulary.width])],
    initializers: [spread(vocabulary), longs('axis1', 1)],
    nodes: [
      { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['mean'], attributes: { axes: [2, 3], keepdims: 0 } },
      { op: 'Unsqueeze', inputs: ['mean', 'axis1'], outputs: ['one'] },
      { op: 'MatMul', inputs: ['one', 'spread'], outputs: ['image_features'] },
    ],
  };
}

/** Passes on what it is given, so that the decoder finds the colour among it. */
function florenceEncoder({ width }: Vocabulary): Graph {
  return {
    inputs: [value('attention_mask', ['batch', 'length'], 'int64'), value('inputs_embeds', ['batch', 'length', width])],
    outputs: [value('last_hidden_state', ['batch', 'length', width])],
    initializers: [],
    nodes: [{ op: 'Identity', inputs: ['inputs_embeds'], outputs: ['last_hidden_state'] }],
  };
}

/** logits of X [B, T, D] = X next + (X after-is) (colour [B, 1, D] named): what follows each token, and colours after "is". */
function logitsNodes(seen: string): Node[] {
  return [
    { op: 'MatMul', inputs: ['inputs_embeds', 'next'], outputs: ['usual'] },
    { op: 'MatMul', inputs: ['inputs_embeds', 'after_is'], outputs: ['wanted'] },
    { op: 'ReduceSum', inputs: [seen, 'axis1'], outputs: ['all'], attributes: { keepdims: 1 } },
    { op: 'MatMul', inputs: ['all', 'named'], outputs: ['colours'] },
    { op: 'Mul', inputs: ['wanted', 'colours'], outputs: ['coloured'] },
    { op: 'Add', inputs: ['usual', 'coloured'], outputs: ['logits'] },
  ];
}

function logitsWeights({ id, size, width }: Vocabulary, first: string, last: string) {
  const follows: readonly (readonly [string, string])[] = [
    [first, 'it'],
    ['it', 'is'],
    ...NAMED.map((name) => [name, last] as const),
  ];
  return [
    floats('next', [width, size], (set) => {
      for (const [a, b] of follows) set(id(a) * size + id(b), 12);
    }),
    floats('after_is', [width, 1], (set) => set(id('is'), 1)),
    floats('named', [width, size], (set) => {
      for (const name of NAMED) {
        for (const [i, c] of COLOURS[name]!.entries()) set((width - 3 + i) * size + id(name), 4 * c);
      }
    }),
    longs('axis1', 1),
  ];
}

function smolDecoder(vocabulary: Vocabulary): Graph {
  const { size, width } = vocabulary;
  const cache = (name: string, length: string) => value(name, ['batch_size', 1, length, width]);
  return {
    inputs: [
      value('inputs_embeds', ['batch_size', 'sequence_length', width]),
      value('attention_mask', ['batch_size', 'total_sequence_length'], 'int64'),
      value('position_ids', ['batch_size', 'sequence_length'], 'int64'),
      cache('past_key_values.0.key', 'past_sequence_length'),
      cache('past_key_values.0.value', 'past_sequence_length'),
    ],
    outputs: [
      value('logits', ['batch_size', 'sequence_length', size]),
      cache('present.0.key', 'total_sequence_length'),
      cache('present.0.value', 'total_sequence_length'),
    ],
    initializers: logitsWeights(vocabulary, ':', '<end_of_utterance>'),
    nodes: [
      { op: 'Unsqueeze', inputs: ['inputs_embeds', 'axis1'], outputs: ['own'] },
      { op: 'Concat', inputs: ['past_key_values.0.key', 'own'], outputs: ['present.0.key'], attributes: { axis: 2 } },
      { op: 'Concat', inputs: ['past_key_values.0.value', 'own'], outputs: ['present.0.value'], attributes: { axis: 2 } }, // biome-ignore format: a table
      { op: 'Squeeze', inputs: ['present.0.key', 'axis1'], outputs: ['seen'] },
      ...logitsNodes('seen'),
    ],
  };
}

function florenceDecoder(vocabulary: Vocabulary): Graph {
  const { size, width } = vocabulary;
  const cache = (name: string, length: string) => value(name, ['batch_size', 1, length, width]);
  const parts = ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'];
  const length = (part: string, now: string) => (part.startsWith('decoder') ? now : 'encoder_sequence_length');
  return {
    inputs: [
      value('encoder_attention_mask', ['batch_size', 'encoder_length'], 'int64'),
      value('encoder_hidden_states', ['batch_size', 'encoder_length', width]),
      value('inputs_embeds', ['batch_size', 'sequence_length', width]),
      ...parts.map((part) => cache(`past_key_values.0.${part}`, length(part, 'past_decoder_sequence_length'))),
      value('use_cache_branch', [1], 'bool'),
    ],
    outputs: [
      value('logits', ['batch_size', 'sequence_length', size]),
      ...parts.map((part) => cache(`present.0.${part}`, length(part, 'total_sequence_length'))),
    ],
    initializers: logitsWeights(vocabulary, '</s>', '</s>'),
    nodes: [
      { op: 'Unsqueeze', inputs: ['inputs_embeds', 'axis1'], outputs: ['own'] },
      ...['key', 'value'].map(
        (part): Node => ({
          op: 'Concat',
          inputs: [`past_key_values.0.decoder.${part}`, 'own'],
          outputs: [`present.0.decoder.${part}`],
          attributes: { axis: 2 },
        }),
      ),
      ...['key', 'value'].map(
        (part): Node => ({
          op: 'Unsqueeze',
          inputs: ['encoder_hidden_states', 'axis1'],
          outputs: [`present.0.encoder.${part}`],
        }),
      ),
      ...logitsNodes('encoder_hidden_states'),
    ],
  };
}
