/**
 * Token ids beside those of the reference (Hugging Face's `tokenizers` in Rust, through @anush008/tokenizers 0.2) for texts in
 * many scripts. The small tokenizers are always compared; CLIP's and MiniLM's when their vocabularies are at hand, because
 * those are not ours to pass on: CHIASM_VOCABULARIES names a folder with CLIP's `bpe_simple_vocab_16e6.txt.gz` and
 * `all-MiniLM-L6-v2/`.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createTokenizer } from '#shared/encoders/tokenizer.ts';
import type { FamilyName } from '#shared/models/model-family.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';
import { bytePairTokenizer, wordPieceTokenizer } from '../models/tiny-tokenizers.ts';
import { clipTokenizer } from './clip-tokenizer.ts';

const rows = z.array(z.array(z.int()));
const goldenSchema = z.object({
  texts: z.array(z.string()),
  clip: rows,
  minilm: rows,
  tinyBytePair: rows,
  tinyWordPiece: rows,
});

/** Punctuation since Unicode 14, which the reference does not know yet. */
const NEWER_THAN_THE_REFERENCE = /\u061d/;

let folder = '';
let golden: z.output<typeof goldenSchema>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-golden-'));
  golden = goldenSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, 'golden-ids.json'), 'utf8')));
});
afterAll(() => rm(folder, { recursive: true }));

/** Texts of which the ids differ, with both. */
async function differences(family: FamilyName, json: object, config: object, expected: readonly (readonly number[])[]) {
  const model = await makeModelFolder(join(folder, family), { family });
  await writeFile(join(model, 'tokenizer.json'), JSON.stringify(json));
  await writeFile(join(model, 'tokenizer_config.json'), JSON.stringify(config));
  const limits = JSON.stringify({ model_type: family === 'clip' ? 'clip' : 'bert', max_position_embeddings: 512 });
  await writeFile(join(model, 'config.json'), limits);
  const tokenizer = createTokenizer(await openModelFolder(model));
  return golden.texts.flatMap((text, i) => {
    if (NEWER_THAN_THE_REFERENCE.test(text)) return [];
    const whole = expected[i]!;
    const cut =
      whole.length <= tokenizer.maxTokens ? whole : [...whole.slice(0, tokenizer.maxTokens - 1), whole.at(-1)!];
    const ids = tokenizer.tokenize(text);
    return JSON.stringify(ids) === JSON.stringify(cut) ? [] : [{ text, ids, expected: cut }];
  });
}

it('are compared on several hundred texts', () => {
  expect(golden.texts.length).toBeGreaterThan(350);
});

describe('token ids equal the reference', () => {
  it('of byte-level BPE', async () => {
    const { json, config } = bytePairTokenizer(77);
    expect(await differences('clip', json, config, golden.tinyBytePair)).toEqual([]);
  });

  it('of WordPiece', async () => {
    const { json, config } = wordPieceTokenizer(512);
    expect(await differences('sentence', json, config, golden.tinyWordPiece)).toEqual([]);
  });

  const vocabularies = process.env.CHIASM_VOCABULARIES;
  if (vocabularies === undefined) {
    process.stdout.write('left out: the vocabularies of CLIP and MiniLM (set CHIASM_VOCABULARIES to their folder)\n');
  } else {
    it("of CLIP's vocabulary", async () => {
      const { json, config } = clipTokenizer(await readFile(join(vocabularies, 'bpe_simple_vocab_16e6.txt.gz')));
      expect(await differences('clip', json, config, golden.clip)).toEqual([]);
    });

    it("of MiniLM's vocabulary", async () => {
      const read = async (name: string) =>
        JSON.parse(await readFile(join(vocabularies, 'all-MiniLM-L6-v2', name), 'utf8'));
      const [json, config] = [await read('tokenizer.json'), await read('tokenizer_config.json')];
      expect(await differences('sentence', json, config, golden.minilm)).toEqual([]);
    });
  }
});
