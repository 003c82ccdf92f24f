/** Texts to vectors: tokens, batches of similar length, the text tower. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ModelFolder } from '#shared/models/model-folder.ts';
import type { Tensors } from '#shared/runtime/session.ts';
import { createTokenizer, type TokenBatch } from './tokenizer.ts';
import type { Tower } from './tower.ts';

/** Texts are short beside pictures, so more of them go into one run. */
const MAX_TEXT_BATCH = 64;

export interface TextEmbedder {
  readonly maxTokens: number;
  embed(texts: readonly string[]): Promise<Float32Array>;
  /** The vector [D] of a fixed text. */
  probe(): Promise<Float32Array>;
}

export function createTextEmbedder(folder: ModelFolder, tower: Tower): TextEmbedder {
  const tokenizer = createTokenizer(folder, tower.fixedInputSize(1));
  const maxBatch = tower.fixedInputSize(0) ?? MAX_TEXT_BATCH;

  let whole: true | undefined;

  const run = (rows: readonly (readonly number[])[]) => {
    const tokens = tokenizer.pad(rows, whole);
    return tower.embed(textInputs(tower, tokens), rows.length, tokens.mask);
  };

  /** Sorted by length, so that short texts are not padded to the longest of the call; rows come back in order. */
  const embed = async (texts: readonly string[]): Promise<Float32Array> => {
    const rows = texts.map((text) => tokenizer.tokenize(text));
    const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length);
    let embeddings = new Float32Array(0);
    for (let start = 0; start < order.length; start += maxBatch) {
      const chosen = order.slice(start, start + maxBatch);
      const vectors = await run(chosen.map((i) => rows[i]!));
      const dimensions = vectors.length / chosen.length;
      if (start === 0) embeddings = new Float32Array(texts.length * dimensions);
      chosen.forEach((i, b) => {
        embeddings.set(vectors.subarray(b * dimensions, (b + 1) * dimensions), i * dimensions);
      });
    }
    return embeddings;
  };

  /** Some exports (MobileCLIP's) take texts of one length only and do not declare it: then all are padded to the maximum. */
  const probe = async () => {
    try {
      return await embed(['a']);
    } catch (error) {
      if (!(error instanceof ChiasmError) || error.code !== 'internal') throw error;
      whole = true;
      return embed(['a']);
    }
  };

  return { maxTokens: tokenizer.maxTokens, embed, probe };
}

function textInputs(tower: Tower, tokens: TokenBatch): Tensors {
  const { ids, mask, shape } = tokens;
  const inputs: Record<string, Tensors[string]> = { input_ids: { type: 'int64', shape, data: ids } };
  if (tower.inputNames.has('attention_mask')) inputs.attention_mask = { type: 'int64', shape, data: mask };
  if (tower.inputNames.has('token_type_ids')) {
    inputs.token_type_ids = { type: 'int64', shape, data: new BigInt64Array(ids.length) };
  }
  if (tower.inputNames.has('position_ids')) {
    const positions = BigInt64Array.from({ length: ids.length }, (_, i) => BigInt(i % shape[1]));
    inputs.position_ids = { type: 'int64', shape, data: positions };
  }
  return inputs;
}
