/** Small tokenizers in the `tokenizer.json` format: WordPiece as BERT's, and byte-level BPE as CLIP's. */

import { WORDS } from './tiny-meaning.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'];

export interface TinyTokenizer {
  /** Tokens by id. */
  readonly tokens: readonly string[];
  readonly padId: number;
  readonly json: object;
  readonly config: object;
}

const added = (id: number, content: string) => ({
  id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false,
}); // biome-ignore format: one line

/** `[CLS] words [SEP]`; words that it does not know fall into letters. */
export function wordPieceTokenizer(maxTokens: number): TinyTokenizer {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];
  const tokens = [...new Set([...special, ...WORDS, ...LETTERS, ...LETTERS.map((letter) => `##${letter}`)])];
  const id = (token: string) => tokens.indexOf(token);
  const entry = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  return {
    tokens,
    padId: 0,
    json: {
      version: '1.0',
      added_tokens: special.map((token) => added(id(token), token)),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: true,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [entry('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, entry('[SEP]')],
        pair: [
          entry('[CLS]'),
          { Sequence: { id: 'A', type_id: 0 } },
          entry('[SEP]'),
          { Sequence: { id: 'B', type_id: 1 } },
          entry('[SEP]'),
        ],
        special_tokens: Object.fromEntries(
          ['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [id(token)], tokens: [token] }]),
        ),
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(tokens.map((token, i) => [token, i])),
      },
    },
    config: { tokenizer_class: 'BertTokenizer', model_max_length: maxTokens, pad_token: '[PAD]', do_lower_case: true },
  };
}

/** `<|startoftext|> words <|endoftext|>`, padded with the end token, as CLIP. */
export function bytePairTokenizer(maxTokens: number): TinyTokenizer {
  const merges = learnMerges(WORDS);
  const letters = [...LETTERS, '.', ',', '!', '?', '-', "'"];
  const start = '<|startoftext|>';
  const end = '<|endoftext|>';
  const pieces = merges.map(([left, right]) => left + right);
  const tokens = [...new Set([...letters, ...letters.map((letter) => `${letter}</w>`), ...pieces, start, end])];
  const id = (token: string) => tokens.indexOf(token);
  return {
    tokens,
    padId: id(end),
    json: {
      version: '1.0',
      added_tokens: [added(id(start), start), added(id(end), end)],
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          {
            type: 'Split',
            pattern: { Regex: '\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+' },
            behavior: 'Removed',
            invert: true,
          },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
        ],
      },
      post_processor: {
        type: 'RobertaProcessing',
        sep: [end, id(end)],
        cls: [start, id(start)],
        trim_offsets: false,
        add_prefix_space: false,
      },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
      model: {
        type: 'BPE',
        unk_token: end,
        end_of_word_suffix: '</w>',
        fuse_unk: false,
        vocab: Object.fromEntries(tokens.map((token, i) => [token, i])),
        merges: merges.map((pair) => pair.join(' ')),
      },
    },
    config: { tokenizer_class: 'CLIPTokenizer', model_max_length: maxTokens, pad_token: end, unk_token: end },
  };
}

/** Merges that make each word one token: what earlier merges leave of a word is joined from the left. */
function learnMerges(words: readonly string[]): [string, string][] {
  const merges: [string, string][] = [];
  for (const word of words) {
    let pieces = [...word].map((letter, i) => (i === word.length - 1 ? `${letter}</w>` : letter));
    for (const [left, right] of merges) pieces = mergePair(pieces, left, right);
    while (pieces.length > 1) {
      const [left = '', right = ''] = pieces;
      merges.push([left, right]);
      pieces = mergePair(pieces, left, right);
    }
  }
  return merges;
}

function mergePair(pieces: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) merged.push(left + pieces[++i]);
    else merged.push(pieces[i]!);
  }
  return merged;
}
