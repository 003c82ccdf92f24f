/**
 * What a text must look like before `@huggingface/tokenizers` 0.2 normalises it, so that its tokens are those of the reference
 * (tokenizers in Rust): the library works on UTF-16 units and lower-cases by context, where the reference takes one code
 * point at a time.
 */

import type { TokenizerJson } from '#shared/models/model-config.ts';

/** Ideographs beyond U+FFFF that BertNormalizer sets apart by spaces; the library sees their halves only. */
const RARE_IDEOGRAPHS =
  /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

interface Normalizer {
  readonly type?: string;
  readonly lowercase?: boolean;
  readonly handle_chinese_chars?: boolean;
  readonly normalizers?: readonly Normalizer[];
}

/** The change for one tokenizer; the identity where its normalizer does none of this. */
export function createTextPreparation(json: TokenizerJson): (text: string) => string {
  const parts = flatten(json.normalizer as Normalizer | null | undefined);
  const bert = parts.filter(({ type }) => type === 'BertNormalizer');
  const lowers = parts.some(({ type }) => type === 'Lowercase') || bert.some(({ lowercase }) => lowercase !== false);
  const separates = bert.some((normalizer) => normalizer.handle_chinese_chars !== false);
  return (text) => {
    const apart = separates ? text.replaceAll(RARE_IDEOGRAPHS, ' $& ') : text;
    return lowers ? apart.replaceAll('Σ', 'σ') : apart; // at the end of a word toLowerCase() makes it ς
  };
}

function flatten(normalizer: Normalizer | null | undefined): readonly Normalizer[] {
  if (!normalizer) return [];
  return normalizer.normalizers ? normalizer.normalizers.flatMap(flatten) : [normalizer];
}
