/**
 * Pairs of 64-bit hashes within a Hamming distance. Two hashes that differ in at most d bits agree in at least one of
 * d + 1 bands, so only hashes that share a band are compared.
 * Source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.
 */

/** For the position of each hash, the positions of the others within `distance` bits. Hashes are 16 hexadecimal digits. */
export function nearHashes(hashes: readonly string[], distance: number): Map<number, number[]> {
  const words = hashes.map(wordsOf);
  const near = new Map<number, Set<number>>();
  const note = (i: number, j: number) => {
    const others = near.get(i) ?? new Set();
    near.set(i, others.add(j));
  };
  const bands = distance + 1;
  for (let band = 0; band < bands; band++) {
    const start = Math.floor((band * 64) / bands);
    const width = Math.floor(((band + 1) * 64) / bands) - start;
    const buckets = Map.groupBy(hashes.keys(), (i) => bandOf(words[i]!, start, width));
    for (const bucket of buckets.values()) {
      for (let a = 0; a < bucket.length; a++) {
        for (let b = a + 1; b < bucket.length; b++) {
          const [i, j] = [bucket[a]!, bucket[b]!];
          if (differingBits(words[i]!, words[j]!) > distance) continue;
          note(i, j);
          note(j, i);
        }
      }
    }
  }
  return new Map([...near].map(([i, others]) => [i, [...others]]));
}

/** Bits in which two hashes differ. */
export function hashDistance(a: string, b: string): number {
  return differingBits(wordsOf(a), wordsOf(b));
}

type Words = readonly [high: number, low: number];

function wordsOf(hash: string): Words {
  return [Number.parseInt(hash.slice(0, 8), 16), Number.parseInt(hash.slice(8, 16), 16)];
}

/** `width` bits from bit `start`, counted from the highest. */
function bandOf([high, low]: Words, start: number, width: number): number {
  const bits = (BigInt(high) << 32n) | BigInt(low);
  return Number((bits >> BigInt(64 - start - width)) & ((1n << BigInt(width)) - 1n));
}

function differingBits(a: Words, b: Words): number {
  return popCount(a[0] ^ b[0]) + popCount(a[1] ^ b[1]);
}

function popCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
