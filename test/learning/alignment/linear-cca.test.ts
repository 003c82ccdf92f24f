import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { columnCorrelations, linearCca, project } from '#shared/learning/alignment/linear-cca.ts';
import {
  type Matrix,
  product,
  symmetricEigen,
  transposed,
  transposedProduct,
} from '#shared/learning/alignment/matrix.ts';

const numbers = createRandom(3);
const normals = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: Float64Array.from({ length: rows * columns }, () => numbers.normal()),
});
const rotation = (size: number): Matrix => {
  const noise = normals(size, size);
  return symmetricEigen(transposedProduct(noise, noise)).vectors;
};

describe('eigenvectors of a symmetric matrix', () => {
  it.each([1, 2, 3, 10, 40])('of size %i diagonalise it and are orthonormal', (size) => {
    const noise = normals(size + 2, size);
    const matrix = transposedProduct(noise, noise);
    const { values, vectors } = symmetricEigen(matrix);
    expect([...values]).toEqual([...values].sort((a, b) => b - a));
    const gram = product(vectors, transposed(vectors));
    const diagonal = product(product(vectors, matrix), transposed(vectors));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        expect(gram.data[i * size + j]).toBeCloseTo(i === j ? 1 : 0, 10);
        expect(diagonal.data[i * size + j]).toBeCloseTo(i === j ? values[i]! : 0, 8);
      }
    }
  });

  it.each([[[2, 2, 2]], [[0, 0, 0]], [[1, 0, 3]]])('exist for the diagonal %j', (diagonal) => {
    const matrix = { rows: 3, columns: 3, data: new Float64Array(9) };
    diagonal.forEach((value, i) => {
      matrix.data[i * 4] = value;
    });
    expect([...symmetricEigen(matrix).values]).toEqual(diagonal.toSorted((a, b) => b - a));
  });
});

describe('canonical correlations', () => {
  it('of a rotated and shifted copy are all 1', () => {
    const x = normals(200, 6);
    const y = product(x, rotation(6));
    const { correlations } = linearCca(x, { ...y, data: y.data.map((value) => 5 + 3 * value) }, 6, 0);
    expect(correlations).toHaveLength(6);
    for (const value of correlations) expect(value).toBeCloseTo(1, 10);
  });

  it('of one column each are the size of their Pearson correlation', () => {
    const x = normals(100, 1);
    const noise = normals(100, 1);
    const y = { ...x, data: x.data.map((value, i) => -0.6 * value + noise.data[i]!) };
    const pearson = columnCorrelations(x, y)[0]!;
    expect(pearson).toBeLessThan(-0.3);
    expect(linearCca(x, y, 1, 0).correlations[0]).toBeCloseTo(-pearson, 10);
  });

  it('are those of a known covariance, s_i^2 / (s_i^2 + 1), up to sampling', () => {
    const signal = normals(20_000, 3);
    const strengths = [3, 1, 0.3];
    const seen = (): Matrix => {
      const noise = normals(20_000, 3);
      const data = signal.data.map((value, i) => value * strengths[i % 3]! + noise.data[i]!);
      return product({ rows: 20_000, columns: 3, data }, rotation(3));
    };
    const { correlations } = linearCca(seen(), seen(), 3, 0);
    strengths.forEach((s, i) => {
      expect(Math.abs(correlations[i]! - s ** 2 / (s ** 2 + 1))).toBeLessThan(0.025);
    });
  });

  it('belong to coordinates of variance 1, not correlated among themselves, and no directions do better', () => {
    const x = normals(300, 5);
    const y = product(x, normals(5, 4));
    const noisy = { ...y, data: y.data.map((value) => value + 2 * numbers.normal()) };
    const fit = linearCca(x, noisy, 4, 0);
    const [u, v] = [project(x, fit.from), project(noisy, fit.to)];
    for (const z of [u, v]) {
      transposedProduct(z, z).data.forEach((value, i) => {
        expect(value / 299).toBeCloseTo(i % 5 === 0 ? 1 : 0, 9);
      });
    }
    columnCorrelations(u, v).forEach((value, i) => {
      expect(value).toBeCloseTo(fit.correlations[i]!, 6);
    });
    for (let trial = 0; trial < 200; trial++) {
      const [a, b] = [product(x, normals(5, 1)), product(noisy, normals(4, 1))];
      expect(Math.abs(columnCorrelations(a, b)[0]!)).toBeLessThan(fit.correlations[0]!);
    }
  });

  it('are those of the closed form in NumPy (QR and SVD) and of scikit-learn 1.2.1 (CCA(3, tol=1e-12))', () => {
    const matrix = (columns: number, value: (i: number, j: number) => number): Matrix => ({
      rows: 60,
      columns,
      data: Float64Array.from({ length: 60 * columns }, (_, at) => value(Math.floor(at / columns), at % columns)),
    });
    const wave = (i: number, j: number) => Math.sin(1.3 * i * (j + 1) + j);
    const x = matrix(4, wave);
    const y = matrix(3, (i, j) => Math.cos(0.7 * i * (j + 2)) + 0.8 * wave(i, j));
    const { correlations } = linearCca(x, y, 3, 0);
    const closed = [0.6348297457456665, 0.6251963914872701, 0.6143484632725785];
    const scikitLearn = [0.6348297457362444, 0.6251963914881182, 0.6143484632808639];
    correlations.forEach((value, i) => {
      expect(Math.abs(value - closed[i]!)).toBeLessThan(1e-6);
      expect(Math.abs(value - scikitLearn[i]!)).toBeLessThan(1e-3);
    });
  });

  it('leave out constant and repeated columns, and stay finite with more columns than rows', () => {
    const x = normals(60, 3);
    const repeated = { rows: 3, columns: 5, data: Float64Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0) };
    const { correlations, from } = linearCca(product(x, repeated), x, 5, 0);
    expect(correlations).toHaveLength(3);
    expect(from.weights.data.every(Number.isFinite)).toBe(true);
    const few = linearCca(normals(10, 30), normals(10, 30), 20, 0.1);
    expect(few.from.weights.data.every(Number.isFinite)).toBe(true);
    expect(few.correlations.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});
