/**
 * The order of Amazon S3's listings: keys by their UTF-8 bytes. JavaScript's `<` compares UTF-16 units and puts emoji
 * (surrogates, 0xD800 to 0xDFFF) before the characters from U+E000 to U+FFFF; UTF-8 puts them after.
 */

/** Negative, zero or positive as `a` sorts before, with or after `b`. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
