import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { linearCca } from '#shared/learning/alignment/linear-cca.ts';
import { toMatrix } from '#shared/learning/alignment/pairs.ts';
import { totalCorrelation } from '#shared/learning/alignment/total-correlation.ts';
import { evaluate } from '#shared/learning/graph/evaluate.ts';
import { squareRoots } from '#shared/learning/graph/inverse-square-root.ts';
import { input, matMul, tanh } from '#shared/learning/graph/operators.ts';
import { expectTrueGradient } from '../graph/check-gradient.ts';

const numbers = createRandom(8);
const B = 40;
const d = 3;
const x = Float32Array.from({ length: B * d }, () => numbers.normal());
const y = x.map((value, i) => value * [1, 0.5, 0.1][i % d]! + numbers.normal());
const h1 = input('x', [B, d]);
const h2 = input('y', [B, d]);

describe('roots by matrix products', () => {
  it.each([1, 1e-3, 1e-5])(
    'have the matrix as their square, with eigenvalues down to %d of the largest',
    (smallest) => {
      // A = V diag(1, smallest) V'
      const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
      const side = c * s * (1 - smallest);
      const a = [c * c + s * s * smallest, side, side, s * s + c * c * smallest];
      const matrix = input('a', [2, 2]);
      const { root, inverse } = squareRoots(matrix);
      const [square, one] = evaluate([matMul(root, root), matMul(matMul(inverse, matrix), inverse)], { a });
      square!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(a[i]!, 9);
      });
      one!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(i % 3 === 0 ? 1 : 0, 7);
      });
    },
  );
});

describe('the total correlation', () => {
  it('is the sum of the canonical correlations of the closed form', () => {
    const value = evaluate([totalCorrelation(h1, h2, 1e-9)], { x, y })[0]!.data[0]!;
    const { correlations } = linearCca(toMatrix(x, d), toMatrix(y, d), d, 0);
    expect(Math.abs(value - correlations.reduce((a, b) => a + b))).toBeLessThan(1e-4);
  });

  it('has the gradient that central differences give, through networks too', () => {
    expectTrueGradient(totalCorrelation(h1, h2, 1e-3), { x, y }, { tolerance: 1e-4 });
    expectTrueGradient(totalCorrelation(tanh(h1), tanh(h2), 0.1), { x, y }, { tolerance: 1e-4 });
  });

  it('of a copy is the number of dimensions', () => {
    const value = evaluate([totalCorrelation(h1, h2, 1e-9)], { x, y: x.map((v) => 3 * v + 1) })[0]!.data[0]!;
    expect(value).toBeCloseTo(d, 4);
  });
});
