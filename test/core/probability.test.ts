import { expect, it } from 'vitest';
import { sigmoid, softmax } from '#shared/core/probability.ts';

it('softmax sums to 1 and does not overflow', () => {
  expect([...softmax(Float64Array.of(1000, 1000))]).toEqual([0.5, 0.5]);
  expect(softmax(Float64Array.of(0, Math.log(3)))[1]).toBeCloseTo(0.75, 12);
});

it('sigmoid is symmetric about 0 and does not overflow', () => {
  expect(sigmoid(0)).toBe(0.5);
  expect(sigmoid(2) + sigmoid(-2)).toBeCloseTo(1, 12);
  expect([sigmoid(-1e4), sigmoid(1e4)]).toEqual([0, 1]);
});
