/**
 * A bridge searches vectors of the space `to` as they are stored: it turns a latent of `from` into the vector q whose
 * products with them come nearest to the similarities of the common space, q . y = f(x) . g(y) up to a constant.
 */

import type { Layer } from '../graph/layers.ts';
import { constant, matMul } from '../graph/operators.ts';
import { centred, whitening } from './linear-cca.ts';
import { product, transposed, transposedProduct } from './matrix.ts';
import { toMatrix } from './pairs.ts';

/** Share of the mean variance of `to`. */
const REGULARISATION = 1e-3;

/**
 * g(y) is taken for linear in y: min sum_i |g(y_i) - W' (y_i - mean)|^2 + r |W|^2, and q = W f(x).
 * @param to [N, D2] @param latents g(y) [N, d] @returns latents [B, d] to vectors [B, D2]
 */
export function fitBridge(to: Float32Array, toDimensions: number, latents: Float32Array, dimensions: number): Layer {
  const [y] = centred(toMatrix(to, toDimensions));
  const [g] = centred(toMatrix(latents, dimensions));
  const white = whitening(y, REGULARISATION); // white white' is the inverse of the covariance
  const weights = product(white, transposedProduct(white, transposedProduct(y, g)));
  const rows = Float32Array.from(transposed(weights).data, (value) => value / y.rows);
  return (z) => matMul(z, constant([dimensions, toDimensions], rows));
}
