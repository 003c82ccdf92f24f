import { describe, expect, it } from 'vitest';
import { dot, row } from '#shared/core/vector.ts';
import { eigenvectors, MIN_ROWS_TO_PROJECT, principalDirections } from '#shared/vector-index/principal-directions.ts';
import { embeddingLike } from '../bench/embedding-like.ts';
import { randomVector, seededRandom } from './sample-changes.ts';

const D = 128;

describe('eigenvectors', () => {
  it('are those of a matrix that was put together from known ones', () => {
    const known = [
      [0.6, 0.8, 0, 0],
      [-0.8, 0.6, 0, 0],
      [0, 0, 1, 0],
    ];
    const values = [9, 3, 1];
    const matrix = Float32Array.from({ length: 16 }, (_, at) =>
      known.reduce((sum, v, k) => sum + values[k]! * v[Math.floor(at / 4)]! * v[at % 4]!, 0),
    );
    const found = eigenvectors(matrix, 4, 2);
    for (const k of [0, 1]) {
      expect(Math.abs(dot(row(found, 4, k), Float32Array.from(known[k]!)))).toBeCloseTo(1, 3);
    }
  });
});

describe('principal directions', { timeout: 60_000 }, () => {
  it('are few, orthonormal, and hold most of vectors with the structure of embeddings', () => {
    const vectors = embeddingLike(3, D, 40).draw(MIN_ROWS_TO_PROJECT);
    const read = (i: number) => row(vectors, D, i);
    const directions = principalDirections(MIN_ROWS_TO_PROJECT, D, read)!;
    const count = directions.length / D;
    expect(count).toBe(64);
    for (let k = 0; k < count; k++) {
      for (const other of [0, k]) {
        expect(dot(row(directions, D, k), row(directions, D, other))).toBeCloseTo(other === k ? 1 : 0, 4);
      }
    }
    let held = 0;
    for (let k = 0; k < count; k++) for (let i = 0; i < 100; i++) held += dot(row(directions, D, k), read(i)) ** 2;
    expect(held / 100).toBeGreaterThan(0.85);
  });

  it('are not used where every direction counts, nor for a few rows', () => {
    const random = seededRandom(1);
    const vectors = Array.from({ length: MIN_ROWS_TO_PROJECT }, () => randomVector(random, D));
    expect(principalDirections(vectors.length, D, (i) => vectors[i]!)).toBeUndefined();
    expect(principalDirections(100, D, (i) => vectors[i]!)).toBeUndefined();
  });
});
