/**
 * Text to token ids as a model was trained on them: `@huggingface/tokenizers` over the folder's `tokenizer.json`, then
 * cut and padded by the rules of the model's family.
 */

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { ChiasmError } from '#shared/core/errors.ts';
import type { ModelFolder } from '#shared/models/model-folder.ts';
import { createTextPreparation } from './prepare-text.ts';

/** Rows of equal length, [B, T] row-major. `mask` is 1 for tokens and 0 for padding. */
export interface TokenBatch {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly shape: readonly [batch: number, tokens: number];
}

export interface Tokenizer {
  readonly maxTokens: number;
  /** Ids with the special tokens of the model, at most `maxTokens`; a longer text loses its end, not its end token. */
  tokenize(text: string): readonly number[];
  /** Rows padded to the longest of them, or to `maxTokens` where the model was trained so, or where `whole` asks for it. */
  pad(rows: readonly (readonly number[])[], whole?: boolean): TokenBatch;
}

/**
 * Text beyond this many characters for each token is not even looked at, so that a megabyte costs no more than a page.
 * Vocabularies have no tokens so long, except for runs of spaces.
 */
const MAX_CHARACTERS_PER_TOKEN = 64;

/** What a tokenizer needs of a model's folder. */
export interface TokenizedModel extends Pick<ModelFolder, 'path' | 'config' | 'tokenizer'> {
  readonly family: {
    readonly name: string;
    readonly text?: Pick<NonNullable<ModelFolder['family']['text']>, 'padding' | 'maxTokens'>;
  };
}

/**
 * @param fixedTokens T of a graph that takes one length only
 * @throws ChiasmError `model_invalid` when the folder has no text tower, or a tokenizer that cannot be built
 */
export function createTokenizer(folder: TokenizedModel, fixedTokens?: number): Tokenizer {
  const tower = folder.family.text;
  if (!tower || !folder.tokenizer) {
    throw new ChiasmError('model_invalid', `${folder.path} has no tokenizer`);
  }
  const tokenizer = build(folder);
  const maxTokens = Math.min(fixedTokens ?? Infinity, longestText(folder, tower.maxTokens));
  const endTokens = countEndTokens(tokenizer);
  const padId = BigInt(findPadId(folder, tokenizer));
  const padLeft = folder.tokenizer.config.padding_side === 'left';
  const lowerCase = mustLowerCase(folder);
  const prepare = createTextPreparation(folder.tokenizer.json);

  return {
    maxTokens,
    tokenize: (text) => {
      const head = text.slice(0, maxTokens * MAX_CHARACTERS_PER_TOKEN).toWellFormed();
      const { ids } = tokenizer.encode(prepare(lowerCase ? head.toLowerCase() : head));
      if (ids.length <= maxTokens) return ids;
      return [...ids.slice(0, maxTokens - endTokens), ...ids.slice(ids.length - endTokens)];
    },
    pad: (rows, whole = tower.padding === 'maximum') => {
      const longest = Math.max(1, ...rows.map((row) => row.length));
      return padRows(rows, fixedTokens ?? (whole ? maxTokens : longest), padId, padLeft);
    },
  };
}

function build(folder: TokenizedModel): HuggingFaceTokenizer {
  const { json, config } = folder.tokenizer!;
  try {
    const complete = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
    return new HuggingFaceTokenizer({ ...complete, ...json }, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChiasmError('model_invalid', `${folder.path}/tokenizer.json cannot be used: ${reason}`, { cause: error });
  }
}

/** The smallest of what the family, the tokenizer and the text tower's position table allow. */
function longestText(folder: TokenizedModel, familyMaximum: number): number {
  const { config, tokenizer } = folder;
  const positions = config.text_config?.max_position_embeddings ?? config.max_position_embeddings ?? familyMaximum;
  return Math.min(familyMaximum, positions, Math.floor(tokenizer?.config.model_max_length ?? familyMaximum));
}

/** How many special tokens end a text ([SEP], <|endoftext|>): they stay when a text is cut. */
function countEndTokens(tokenizer: HuggingFaceTokenizer): number {
  const plain: readonly number[] = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const full: readonly number[] = tokenizer.encode('a').ids;
  for (let start = 0; start + plain.length <= full.length; start++) {
    if (plain.every((id, i) => full[start + i] === id)) return full.length - plain.length - start;
  }
  return 0;
}

function findPadId(folder: TokenizedModel, tokenizer: HuggingFaceTokenizer): number {
  const { json, config } = folder.tokenizer!;
  const named = config.pad_token == null ? undefined : tokenizer.token_to_id(config.pad_token);
  return named ?? json.padding?.pad_id ?? folder.config.pad_token_id ?? 0;
}

/**
 * SigLIP 2 was trained on lower-cased text, and its exported tokenizer (Gemma's) does not do it:
 * https://github.com/huggingface/transformers/pull/43101
 */
function mustLowerCase(folder: TokenizedModel): boolean {
  return folder.family.name === 'siglip' && /gemma|siglip2/i.test(folder.tokenizer?.config.tokenizer_class ?? '');
}

function padRows(rows: readonly (readonly number[])[], length: number, padId: bigint, padLeft: boolean): TokenBatch {
  const ids = new BigInt64Array(rows.length * length).fill(padId);
  const mask = new BigInt64Array(rows.length * length);
  rows.forEach((row, b) => {
    const start = b * length + (padLeft ? length - row.length : 0);
    row.forEach((id, t) => {
      ids[start + t] = BigInt(id);
      mask[start + t] = 1n;
    });
  });
  return { ids, mask, shape: [rows.length, length] };
}
