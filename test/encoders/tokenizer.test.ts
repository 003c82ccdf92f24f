import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenizer, type Tokenizer } from '#shared/encoders/tokenizer.ts';
import type { FamilyName } from '#shared/models/model-family.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';
import { bytePairTokenizer, wordPieceTokenizer } from '../models/tiny-tokenizers.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-tokenizer-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function tokenizerOf(family: FamilyName, config: object = {}, fixedTokens?: number): Promise<Tokenizer> {
  await makeModelFolder(folder, { family });
  const path = join(folder, 'tokenizer_config.json');
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...config }));
  return createTokenizer(await openModelFolder(folder, { verifyDigests: false }), fixedTokens);
}

const wordPiece = wordPieceTokenizer(16).tokens;
const bytePair = bytePairTokenizer(16).tokens;
const words = (vocabulary: readonly string[], ids: readonly number[]) => ids.map((id) => vocabulary[id]);

describe('WordPiece', () => {
  it('frames the words with [CLS] and [SEP], whatever their case and accents', async () => {
    const tokenizer = await tokenizerOf('sentence');
    expect(words(wordPiece, tokenizer.tokenize('A Réd  CAR.'))).toEqual(['[CLS]', 'a', 'red', 'car', '.', '[SEP]']);
  });

  it('spells words that it does not know, and gives [UNK] for letters that it does not know', async () => {
    const tokenizer = await tokenizerOf('sentence');
    expect(words(wordPiece, tokenizer.tokenize('reds 犬'))).toEqual(['[CLS]', 'red', '##s', '[UNK]', '[SEP]']);
  });
});

describe('byte-level BPE', () => {
  it('merges letters to words and ends them, as CLIP', async () => {
    const tokenizer = await tokenizerOf('clip');
    expect(words(bytePair, tokenizer.tokenize('Green, crimson x'))).toEqual([
      '<|startoftext|>', 'green</w>', ',</w>', 'crimson</w>', 'x</w>', '<|endoftext|>',
    ]); // biome-ignore format: one line
  });

  it('pads with the end token', async () => {
    const tokenizer = await tokenizerOf('clip');
    const { ids, shape } = tokenizer.pad([tokenizer.tokenize('red'), tokenizer.tokenize('red car')]);
    expect(shape).toEqual([2, 4]);
    expect(words(bytePair, [...ids].map(Number))).toEqual([
      ...['<|startoftext|>', 'red</w>', '<|endoftext|>', '<|endoftext|>'],
      ...['<|startoftext|>', 'red</w>', 'car</w>', '<|endoftext|>'],
    ]);
  });
});

describe('cutting', () => {
  it.each(['sentence', 'clip', 'siglip'] as const)(
    'keeps the end token of a text that is too long (%s)',
    async (family) => {
      const tokenizer = await tokenizerOf(family);
      const long = tokenizer.tokenize('red '.repeat(100));
      expect(long).toHaveLength(16);
      expect(long.at(-1)).toBe(tokenizer.tokenize('red').at(-1));
      expect(long.at(-2)).toBe(long.at(-3));
    },
  );

  it('takes the smallest of the limits of family, tokenizer and graph', async () => {
    expect((await tokenizerOf('clip', { model_max_length: 1e30 })).maxTokens).toBe(77);
    expect((await tokenizerOf('clip', { model_max_length: 20 })).maxTokens).toBe(20);
    expect((await tokenizerOf('clip', { model_max_length: 20 }, 8)).maxTokens).toBe(8);
  });

  it('looks at the beginning of a huge text only', async () => {
    const tokenizer = await tokenizerOf('sentence');
    expect(tokenizer.tokenize('red '.repeat(5_000_000))).toHaveLength(16);
  });

  it('survives half a surrogate pair at the place where the text is cut', async () => {
    const tokenizer = await tokenizerOf('sentence');
    const half = `${'x'.repeat(16 * 64 - 1)}😀`;
    expect(tokenizer.tokenize(half).length).toBeLessThanOrEqual(16);
  });
});

describe('padding', () => {
  it('goes to the longest of the batch, and the mask says what is padding', async () => {
    const tokenizer = await tokenizerOf('sentence');
    const { ids, mask, shape } = tokenizer.pad([tokenizer.tokenize('red'), tokenizer.tokenize('a red car')]);
    expect(shape).toEqual([2, 5]);
    expect([...mask]).toEqual([1n, 1n, 1n, 0n, 0n, 1n, 1n, 1n, 1n, 1n]);
    expect([...ids.subarray(3, 5)]).toEqual([0n, 0n]);
  });

  it('goes to the maximum for SigLIP, which was trained so', async () => {
    const tokenizer = await tokenizerOf('siglip');
    expect(tokenizer.pad([tokenizer.tokenize('red')]).shape).toEqual([1, 16]);
  });

  it('goes to the length that a graph fixes', async () => {
    const tokenizer = await tokenizerOf('clip', {}, 8);
    expect(tokenizer.pad([tokenizer.tokenize('red')]).shape).toEqual([1, 8]);
  });

  it('goes to the left where the tokenizer says so', async () => {
    const tokenizer = await tokenizerOf('sentence', { padding_side: 'left' });
    const { mask } = tokenizer.pad([tokenizer.tokenize('red'), tokenizer.tokenize('a red car')]);
    expect([...mask.subarray(0, 5)]).toEqual([0n, 0n, 1n, 1n, 1n]);
  });

  it('takes a padding token that is written as an object', async () => {
    const tokenizer = await tokenizerOf('clip', { pad_token: { content: '<|startoftext|>', special: true } });
    const { ids } = tokenizer.pad([tokenizer.tokenize('red'), tokenizer.tokenize('red car')]);
    expect(bytePair[Number(ids[3])]).toBe('<|startoftext|>');
  });
});

it('lower-cases for SigLIP 2, whose tokenizer does not', async () => {
  await makeModelFolder(folder, { family: 'siglip' });
  const path = join(folder, 'tokenizer.json');
  const json = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...json, normalizer: null }));
  const asSiglip = createTokenizer(await openModelFolder(folder));
  expect(asSiglip.tokenize('RED')).not.toEqual(asSiglip.tokenize('red'));
  const config = join(folder, 'tokenizer_config.json');
  await writeFile(
    config,
    JSON.stringify({ ...JSON.parse(await readFile(config, 'utf8')), tokenizer_class: 'GemmaTokenizer' }),
  );
  const asSiglip2 = createTokenizer(await openModelFolder(folder));
  expect(asSiglip2.tokenize('RED')).toEqual(asSiglip2.tokenize('red'));
});

it('refuses a tokenizer.json that the library cannot build, with the reason', async () => {
  await makeModelFolder(folder, { family: 'clip' });
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ model: { type: 'Telepathy' } }));
  const model = await openModelFolder(folder);
  expect(() => createTokenizer(model)).toThrow(/tokenizer.json cannot be used: .*Telepathy/);
});
