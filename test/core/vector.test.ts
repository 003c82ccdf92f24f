import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dot, normalize, weightedSum } from '#shared/core/vector.ts';

const numbers = (length: number) =>
  fc
    .array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));

describe('vectors', () => {
  it('dot is the sum of products, for any length and offset', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 19 }), fc.integer({ min: 0, max: 5 }), (length, offset) => {
        const a = Float32Array.from({ length: length + offset }, (_, i) => i + 1);
        const b = Float32Array.from({ length }, (_, i) => 2 * i - 3);
        const expected = Array.from(b).reduce((sum, value, i) => sum + value * a[i + offset]!, 0);
        expect(dot(a, b, length, offset, 0)).toBe(expected);
      }),
    );
  });

  it('normalize keeps the direction and gives length one', () => {
    fc.assert(
      fc.property(
        numbers(7).filter((v) => dot(v, v) > 1e-6),
        (v) => {
          const unit = normalize(v);
          expect(dot(unit, unit)).toBeCloseTo(1, 5);
          expect(dot(unit, v)).toBeCloseTo(Math.sqrt(dot(v, v)), 3);
        },
      ),
    );
  });

  it.each([[[0, 0]], [[Number.NaN, 1]], [[Number.POSITIVE_INFINITY, 1]]])('normalize refuses %j', (values) => {
    expect(() => normalize(Float32Array.from(values))).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  it('weightedSum is linear in the weights', () => {
    const sum = weightedSum([Float32Array.of(1, 2), Float32Array.of(3, -4)], [2, -1]);
    expect([...sum]).toEqual([-1, 8]);
  });
});
