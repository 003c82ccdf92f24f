/**
 * What the tiny test models know. Words, pictures and sounds meet in one space by construction:
 * colour words lie where pictures of that colour lie, "low", "middle" and "high" where such tones lie.
 */

/** RGB in [-1, 1], as pixels reach the graph with mean and std 0.5. */
export const COLOURS: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [1, -1, -1],
  crimson: [0.8, -0.9, -0.8],
  green: [-1, 1, -1],
  blue: [-1, -1, 1],
  yellow: [1, 1, -1],
  cyan: [-1, 1, 1],
  magenta: [1, -1, 1],
  white: [1, 1, 1],
  black: [-1, -1, -1],
};

/** Centres of the bands of the sound tower, in Hz. */
export const BAND_HZ = [110, 220, 440, 880, 1760, 3520, 5000, 6500] as const;

/** Bands that a word stands for. */
export const TONES: Readonly<Record<string, readonly number[]>> = {
  low: [0, 1],
  middle: [2, 3, 4],
  high: [5, 6, 7],
};

/** Words that say little: "a photo of a red square" means red. */
export const FILLERS = [
  'a',
  'an',
  'the',
  'of',
  'in',
  'on',
  'photo',
  'picture',
  'sound',
  'tone',
  'square',
  '.',
  ',',
] as const;

/** Words with a direction of their own, unrelated to any picture or sound. */
const OTHERS = ['dog', 'cat', 'car', 'tree', 'house', 'two', 'dogs', 'grass', 'running', 'rain'] as const;

export const WORDS: readonly string[] = [...Object.keys(COLOURS), ...Object.keys(TONES), ...FILLERS, ...OTHERS];

/** Mulberry32: uniform numbers in [0, 1) from a 32-bit seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The meaning of things as vectors [D] in one space; the same for the same seed. */
export function createMeaning(dimensions: number, seed: number) {
  const random = createRandom(seed);
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const direction = (length = 1): Float32Array => {
    const vector = Float32Array.from({ length: dimensions }, gaussian);
    const norm = Math.hypot(...vector);
    return vector.map((value) => (value / norm) * length);
  };
  // orthonormal axes: three of colour, one of brightness, one for each band, one for silence
  const axes = orthonormal(Array.from({ length: 4 + BAND_HZ.length + 1 }, () => direction()));
  const combine = (weights: readonly (readonly [axis: number, weight: number])[]): Float32Array => {
    const sum = new Float32Array(dimensions);
    for (const [axis, weight] of weights) addScaled(sum, axes[axis]!, weight);
    return sum;
  };
  /** Linear in rgb, as the picture tower computes it. */
  const colour = ([r, g, b]: readonly [number, number, number]) => {
    const grey = (r + g + b) / 3;
    return combine([
      [0, (r - grey) * 0.75],
      [1, (g - grey) * 0.75],
      [2, (b - grey) * 0.75],
      [3, grey * 0.6],
    ]);
  };
  const bands = (members: readonly number[]) => {
    const centre = members.reduce((sum, band) => sum + band, 0) / members.length;
    return combine(BAND_HZ.map((_, band) => [4 + band, Math.exp(-((band - centre) ** 2) / 2)] as const));
  };
  return { direction, colour, bands, silence: combine([[4 + BAND_HZ.length, 0.1]]) };
}

/** Gram-Schmidt. */
function orthonormal(vectors: readonly Float32Array[]): Float32Array[] {
  const basis: Float32Array[] = [];
  for (const vector of vectors) {
    const rest = Float32Array.from(vector);
    for (const axis of basis) {
      const along = axis.reduce((sum, value, d) => sum + value * rest[d]!, 0);
      addScaled(rest, axis, -along);
    }
    const norm = Math.hypot(...rest);
    basis.push(rest.map((value) => value / norm));
  }
  return basis;
}

/** sum += weight * vector */
function addScaled(sum: Float32Array, vector: Float32Array, weight: number): void {
  for (let d = 0; d < sum.length; d++) sum[d]! += weight * vector[d]!;
}
