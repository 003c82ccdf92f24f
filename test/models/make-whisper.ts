/**
 * Writes a tiny, complete speech model in the layout of Whisper's ONNX exports: the same files, inputs, outputs and token order,
 * with generated weights. It listens to the first second of a window. A deep tone is "it is red", a middle one "it is green", both
 * in English; a high one is "es ist blue" in German; where all is still, nobody speaks.
 */

import { createHash } from 'node:crypto';
import { type Graph, type Node, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { type Files, floats, json, longs, value, writeFiles } from './make-generative-models.ts';

export interface WhisperSettings {
  /** Suffix of the graphs. @default '' */
  readonly suffix?: '' | '_quantized';
  /** @default true */
  readonly multilingual?: boolean;
  /** With a card that lists the files. @default false */
  readonly card?: boolean;
}

/** D: what the last token asks for (0 to 9), and what is heard (10 to 13: deep, middle, high, still). */
const WIDTH = 14;
const HEARD = 10;
const MEL_BINS = 80;
/** Seconds of a window: Whisper has 30, and its feature extractor takes more than a second for them. */
export const WHISPER_WINDOW_SECONDS = 2;
const FRAMES = 100 * WHISPER_WINDOW_SECONDS;
const POSITIONS = FRAMES / 2;
/** Values of a spectrogram of silence are -1.5; a tone lifts the mean of all bins above this. */
const STILL_LINE = -1.45;
const LOUDNESS = 20;
/** The bins of a tone's band lie above the mean of all by a tenth and more: enough to win over thousands of other tokens. */
const SHARPNESS = 200;
const SURE = 14;

const LANGUAGES = ['en', 'de'];
const WORDS = ['it', 'is', 'red', 'green', 'blue', 'es', 'ist'];

interface Vocabulary {
  readonly tokens: readonly string[];
  id(token: string): number;
}

function createVocabulary(multilingual: boolean): Vocabulary {
  const letters = [...'abcdefghijklmnopqrstuvwxyz', 'Ġ'];
  const tokens = [...letters, ...WORDS.map((word) => `Ġ${word}`), ...specialTokens(multilingual ? LANGUAGES : [])];
  return { tokens, id: (token) => tokens.indexOf(token) };
}

/** What the files beside the graphs say. */
export interface WhisperSizes {
  /** All tokens in Whisper's order. */
  readonly tokens: readonly string[];
  /** Of the spoken ones; none where the model knows English only. */
  readonly languages: readonly string[];
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly windowSeconds: number;
}

/** The names of what follows the text in Whisper's vocabularies. */
export function specialTokens(languages: readonly string[]): readonly string[] {
  const special = ['<|translate|>', '<|transcribe|>', '<|startoflm|>', '<|startofprev|>', '<|nospeech|>', '<|notimestamps|>']; // biome-ignore format: in Whisper's order
  const stamps = Array.from({ length: 1_501 }, (_, i) => `<|${(i * 0.02).toFixed(2)}|>`);
  return ['<|endoftext|>', '<|startoftranscript|>', ...languages.map((name) => `<|${name}|>`), ...special, ...stamps];
}

/** Configurations and tokenizer, under the names of the exports. */
export function whisperTexts(sizes: WhisperSizes): Record<string, Uint8Array> {
  const { tokens, languages, width, layers, heads, windowSeconds } = sizes;
  const ids = new Map(tokens.map((token, i) => [token, i]));
  const id = (token: string) => ids.get(token)!;
  const end = id('<|endoftext|>');
  const ends = { bos_token_id: end, eos_token_id: end, pad_token_id: end, decoder_start_token_id: id('<|startoftranscript|>') }; // biome-ignore format: one line
  const spoken = Object.fromEntries(languages.map((name) => [`<|${name}|>`, id(`<|${name}|>`)]));
  const tasks = { transcribe: id('<|transcribe|>'), translate: id('<|translate|>') };
  const added = tokens.slice(end).map((content, i) => ({ id: end + i, content, special: !/\d/.test(content), single_word: false, lstrip: false, rstrip: false, normalized: false })); // biome-ignore format: one line
  return {
    'config.json': json({
      model_type: 'whisper', architectures: ['WhisperForConditionalGeneration'], is_encoder_decoder: true, vocab_size: tokens.length, d_model: width, num_mel_bins: MEL_BINS,
      encoder_layers: layers, decoder_layers: layers, encoder_attention_heads: heads, decoder_attention_heads: heads, max_source_positions: 50 * windowSeconds, max_target_positions: 448, ...ends,
    }), // biome-ignore format: the file's own layout
    'generation_config.json': json({
      ...ends,
      max_length: 448,
      is_multilingual: languages.length > 0,
      ...(languages.length > 0 && { lang_to_id: spoken, task_to_id: tasks, forced_decoder_ids: [[1, null], [2, tasks.transcribe]] }), // biome-ignore format: one line
      no_timestamps_token_id: id('<|notimestamps|>'),
      max_initial_timestamp_index: 1,
      return_timestamps: false,
      begin_suppress_tokens: [id('Ġ'), end],
      suppress_tokens: [id('<|startoftranscript|>'), ...Object.values(tasks), id('<|nospeech|>')],
    }),
    'preprocessor_config.json': json({
      feature_extractor_type: 'WhisperFeatureExtractor', processor_class: 'WhisperProcessor', sampling_rate: 16_000, feature_size: MEL_BINS, n_fft: 400, hop_length: 160,
      chunk_length: windowSeconds, n_samples: 16_000 * windowSeconds, nb_max_frames: 100 * windowSeconds, padding_side: 'right', padding_value: 0, return_attention_mask: false,
    }), // biome-ignore format: the file's own layout
    'tokenizer.json': json({
      version: '1.0',
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
      model: { type: 'BPE', unk_token: '<|endoftext|>', continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, vocab: Object.fromEntries(tokens.slice(0, end).map((token, i) => [token, i])), merges: [] }, // biome-ignore format: one line
    }),
    'tokenizer_config.json': json({
      tokenizer_class: 'WhisperTokenizer',
      model_max_length: 1024,
      pad_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
      bos_token: '<|endoftext|>',
      eos_token: '<|endoftext|>',
    }),
  };
}

export async function makeWhisper(target: string, settings: WhisperSettings = {}): Promise<string> {
  const { suffix = '', multilingual = true, card = false } = settings;
  const vocabulary = createVocabulary(multilingual);
  const languages = multilingual ? LANGUAGES : [];
  const { tokens } = vocabulary;
  const files: Files = {
    ...whisperTexts({ tokens, languages, width: WIDTH, layers: 1, heads: 1, windowSeconds: WHISPER_WINDOW_SECONDS }),
    [`onnx/encoder_model${suffix}.onnx`]: writeOnnx(encoder()),
    [`onnx/decoder_model_merged${suffix}.onnx`]: writeOnnx(decoder(vocabulary, multilingual)),
  };
  if (card) files['chiasm.json'] = json(makeCard(files));
  return writeFiles(target, files);
}

function makeCard(files: Files): object {
  const entry = (bytes: Uint8Array) => ({ sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length }); // biome-ignore format: one line
  return {
    name: 'tiny-whisper',
    version: '1',
    licence: 'Apache-2.0',
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, entry(bytes)])),
  };
}

/** input_features [B, F, T] -> last_hidden_state [B, T / 2, D]: in its first position what is heard, elsewhere zeros. */
function encoder(): Graph {
  const bands = floats('bands', [MEL_BINS, WIDTH], (set) => {
    for (let bin = 0; bin < MEL_BINS; bin++) {
      const band = bin < 20 ? 0 : bin < 50 ? 1 : 2;
      for (const each of [0, 1, 2]) {
        const own = each === band ? SHARPNESS / [20, 30, 30][band]! : 0;
        set(bin * WIDTH + HEARD + each, own - SHARPNESS / MEL_BINS);
      }
      set(bin * WIDTH + HEARD + 3, -LOUDNESS / MEL_BINS);
    }
  });
  return {
    inputs: [value('input_features', ['batch_size', 'feature_size', 'encoder_sequence_length'])],
    outputs: [value('last_hidden_state', ['batch_size', 'encoder_sequence_length / 2', WIDTH])],
    initializers: [
      bands,
      floats('still', [WIDTH], (set) => set(HEARD + 3, LOUDNESS * STILL_LINE)),
      longs('begin', 0),
      longs('second', 100),
      longs('axis1', 1),
      longs('axis2', 2),
      longs('padding', 0, 0, 0, 0, POSITIONS - 1, 0),
    ],
    nodes: [
      { op: 'Slice', inputs: ['input_features', 'begin', 'second', 'axis2'], outputs: ['beginning'] },
      { op: 'ReduceMean', inputs: ['beginning'], outputs: ['means'], attributes: { axes: [2], keepdims: 0 } },
      { op: 'MatMul', inputs: ['means', 'bands'], outputs: ['sums'] },
      { op: 'Add', inputs: ['sums', 'still'], outputs: ['heard'] },
      { op: 'Unsqueeze', inputs: ['heard', 'axis1'], outputs: ['one'] },
      { op: 'Pad', inputs: ['one', 'padding'], outputs: ['last_hidden_state'] },
    ],
  };
}

/**
 * logits of tokens X [B, T] with rows E [V, D], seen S [B, 1, D] and heard H [B, 1, D]:
 * X Next + (X at the start)(H Languages) + (X at 0.00)(S First) + (X after "is")(H Colours), all of it nothing when H is still.
 */
function decoder({ tokens, id }: Vocabulary, multilingual: boolean): Graph {
  const size = tokens.length;
  const asks = [
    '<|0.00|>',
    'Ġit',
    'Ġes',
    'Ġis',
    'colour',
    '<|1.00|>',
    '<|startoftranscript|>',
    '<|en|>',
    '<|de|>',
    '<|transcribe|>',
  ];
  const place = (name: string) => asks.indexOf(name);
  const rows: [string, number][] = asks.flatMap((name, i): [string, number][] => (id(name) < 0 ? [] : [[name, i]]));
  rows.push(['Ġist', place('Ġis')], ...['Ġred', 'Ġgreen', 'Ġblue'].map((c): [string, number] => [c, place('colour')]));
  const pairs = (name: string, entries: readonly (readonly [number, string, number])[]) =>
    floats(name, [WIDTH, size], (set) => {
      for (const [from, to, weight] of entries) if (id(to) >= 0) set(from * size + id(to), weight);
    });
  const chosen = (name: string, from: string) => floats(name, [WIDTH, 1], (set) => set(place(from), 1));
  const cache = (name: string, length: string) => value(name, ['batch_size', 1, length, WIDTH]);
  const parts = ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'];
  const length = (part: string, now: string) => (part.startsWith('decoder') ? now : 'encoder_sequence_length');
  const product = (from: string, weights: string, of: string): Node[] => [
    { op: 'MatMul', inputs: ['own_rows', from], outputs: [`${weights}_wanted`] },
    { op: 'MatMul', inputs: [of, weights], outputs: [`${weights}_values`] },
    { op: 'Mul', inputs: [`${weights}_wanted`, `${weights}_values`], outputs: [`${weights}_said`] },
  ];
  return {
    inputs: [
      value('input_ids', ['batch_size', 'decoder_sequence_length'], 'int64'),
      value('encoder_hidden_states', ['batch_size', 'encoder_sequence_length / 2', WIDTH]),
      ...parts.map((part) => cache(`past_key_values.0.${part}`, length(part, 'past_decoder_sequence_length'))),
      value('use_cache_branch', [1], 'bool'),
    ],
    outputs: [
      value('logits', ['batch_size', 'decoder_sequence_length', size]),
      ...parts.map((part) => cache(`present.0.${part}`, length(part, 'total_sequence_length'))),
    ],
    initializers: [
      floats('rows', [size, WIDTH], (set) => {
        for (const [token, at] of rows) set(id(token) * WIDTH + at, 1);
      }),
      pairs('next', [[place(multilingual ? '<|transcribe|>' : '<|startoftranscript|>'), '<|0.00|>', SURE], [place('Ġit'), 'Ġis', SURE], [place('Ġes'), 'Ġist', SURE], [place('colour'), '<|1.00|>', SURE], [place('<|1.00|>'), '<|endoftext|>', SURE]]), // biome-ignore format: a table
      pairs('first', multilingual ? [[place('<|en|>'), 'Ġit', SURE], [place('<|de|>'), 'Ġes', SURE]] : [[place('<|startoftranscript|>'), 'Ġit', SURE]]), // biome-ignore format: a table
      pairs('languages', [[HEARD, '<|en|>', 1], [HEARD + 1, '<|en|>', 1], [HEARD + 2, '<|de|>', 2], [HEARD + 3, '<|nospeech|>', SURE]]), // biome-ignore format: a table
      pairs('colours', [[HEARD, 'Ġred', 1], [HEARD + 1, 'Ġgreen', 1], [HEARD + 2, 'Ġblue', 1]]), // biome-ignore format: a table
      chosen('at_start', '<|startoftranscript|>'),
      chosen('at_zero', '<|0.00|>'),
      chosen('after_is', 'Ġis'),
      floats('stillness', [WIDTH, 1], (set) => set(HEARD + 3, -1)),
      longs('axis1', 1),
    ],
    nodes: [
      { op: 'Gather', inputs: ['rows', 'input_ids'], outputs: ['own_rows'], attributes: { axis: 0 } },
      { op: 'Unsqueeze', inputs: ['own_rows', 'axis1'], outputs: ['own'] },
      ...['key', 'value'].flatMap((kind): Node[] => [
        { op: 'Concat', inputs: [`past_key_values.0.decoder.${kind}`, 'own'], outputs: [`present.0.decoder.${kind}`], attributes: { axis: 2 } }, // biome-ignore format: one line
        { op: 'Unsqueeze', inputs: ['encoder_hidden_states', 'axis1'], outputs: [`present.0.encoder.${kind}`] },
      ]),
      { op: 'Squeeze', inputs: ['present.0.decoder.key', 'axis1'], outputs: ['past'] },
      { op: 'ReduceSum', inputs: ['past', 'axis1'], outputs: ['seen'], attributes: { keepdims: 1 } },
      { op: 'ReduceSum', inputs: ['encoder_hidden_states', 'axis1'], outputs: ['heard'], attributes: { keepdims: 1 } },
      { op: 'MatMul', inputs: ['own_rows', 'next'], outputs: ['usual'] },
      ...product('at_zero', 'first', 'seen'),
      ...product('after_is', 'colours', 'heard'),
      ...product('at_start', 'languages', 'heard'),
      { op: 'Sum', inputs: ['usual', 'first_said', 'colours_said'], outputs: ['spoken'] },
      { op: 'MatMul', inputs: ['heard', 'stillness'], outputs: ['loudness'] },
      { op: 'Relu', inputs: ['loudness'], outputs: ['loud'] },
      { op: 'Sign', inputs: ['loud'], outputs: ['audible'] },
      { op: 'Mul', inputs: ['spoken', 'audible'], outputs: ['heard_words'] },
      { op: 'Add', inputs: ['heard_words', 'languages_said'], outputs: ['logits'] },
    ],
  };
}
