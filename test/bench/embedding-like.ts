/**
 * Made-up vectors with the structure of real embeddings, the same for the same seed:
 *   x = normalise(m + a c_k + b e),  c_k and e drawn from N(0, R diag(1, 1/2, ..., 1/D) R^T)
 * with one common direction m (embeddings of one tower lie in a cone), centres c_k whose clusters have sizes by Zipf's
 * law, and a spectrum that falls as 1/i, mixed over all coordinates by random reflections R: of 512 dimensions the
 * first 128 principal ones hold 80 % of the variance, about as in the picture tower of CLIP. Random pairs have a cosine
 * of about 0.4.
 */

import { dot, normalize } from '#shared/core/vector.ts';

const COMMON = 0.65;
const CENTRE = 0.75;
const NOISE = 0.6;
const REFLECTIONS = 4;

export interface EmbeddingLike {
  /** Row-major [count, D], normalised. */
  draw(count: number): Float32Array;
}

export function embeddingLike(seed: number, dimensions: number, clusters: number): EmbeddingLike {
  const random = createRandom(seed);
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const spectrum = Float32Array.from({ length: dimensions }, (_, i) => 1 / Math.sqrt(i + 1));
  const total = Math.sqrt(spectrum.reduce((sum, deviation) => sum + deviation ** 2, 0));
  const anisotropic = () => spectrum.map((deviation) => (gaussian() * deviation) / total);
  const common = normalize(spectrum.map(() => gaussian()));
  const centres = Array.from({ length: clusters }, anisotropic);
  const mirrors = Array.from({ length: REFLECTIONS }, () => normalize(spectrum.map(() => gaussian())));
  const reflect = (vector: Float32Array) => {
    for (const mirror of mirrors) {
      const along = 2 * dot(vector, mirror);
      for (let d = 0; d < dimensions; d++) vector[d]! -= along * mirror[d]!;
    }
    return vector;
  };
  const one = () => {
    const cluster = Math.floor(clusters ** random()) % clusters; // log-uniform: P(k) falls as 1/k
    const [centre, noise] = [centres[cluster]!, anisotropic()];
    return normalize(reflect(noise.map((e, d) => COMMON * common[d]! + CENTRE * centre[d]! + NOISE * e)));
  };
  return {
    draw: (count) => {
      const matrix = new Float32Array(count * dimensions);
      for (let i = 0; i < count; i++) matrix.set(one(), i * dimensions);
      return matrix;
    },
  };
}

/** Uniform in [0, 1): xorshift of 32 bits (Marsaglia 2003). */
function createRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
