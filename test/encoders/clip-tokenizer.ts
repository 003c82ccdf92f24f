/** CLIP's `tokenizer.json` from its published merges, as the export has it; for comparing with the reference. */

import { gunzipSync } from 'node:zlib';

const START = '<|startoftext|>';
const END = '<|endoftext|>';
/** Merges that the vocabulary uses: 49,152 tokens less 256 bytes, twice, less the header line (simple_tokenizer.py). */
const USED_MERGES = 49_152 - 256 - 2;

/** @param packed `bpe_simple_vocab_16e6.txt.gz` of the original repository */
export function clipTokenizer(packed: Uint8Array): { json: object; config: object } {
  const merges = gunzipSync(packed)
    .toString('utf8')
    .split('\n')
    .slice(1, USED_MERGES + 1);
  const bytes = byteCharacters();
  const tokens = [
    ...bytes,
    ...bytes.map((byte) => `${byte}</w>`),
    ...merges.map((pair) => pair.replace(' ', '')),
    START,
    END,
  ];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const special = (content: string) => ({
    id: vocab[content],
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: content === START,
  });
  return {
    json: {
      version: '1.0',
      added_tokens: [special(START), special(END)],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          {
            type: 'Split',
            pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
            behavior: 'Removed',
            invert: true,
          },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
        ],
      },
      post_processor: {
        type: 'RobertaProcessing',
        sep: [END, vocab[END]],
        cls: [START, vocab[START]],
        trim_offsets: false,
        add_prefix_space: false,
      },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: END,
        continuing_subword_prefix: '',
        end_of_word_suffix: '</w>',
        fuse_unk: false,
        vocab,
        merges,
      },
    },
    config: { tokenizer_class: 'CLIPTokenizer', model_max_length: 77, pad_token: END, unk_token: END },
  };
}

/** The 256 bytes as characters, in the order of GPT-2's table: printable ones first, then the others from U+0100. */
function byteCharacters(): string[] {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const printable = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)];
  const others = range(0, 255).filter((byte) => !printable.includes(byte));
  return [...printable, ...others.map((_, i) => 0x100 + i)].map((code) => String.fromCodePoint(code));
}
