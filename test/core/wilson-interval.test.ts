import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '#shared/core/wilson-interval.ts';

describe('wilsonInterval', () => {
  it('has the values that its formula takes at the ends and in the middle', () => {
    const z2 = 1.959964 ** 2;
    expect(wilsonInterval(10, 10)[0]).toBeCloseTo(10 / (10 + z2), 12); // the formula's value at p = 1
    expect(wilsonInterval(0, 10)[1]).toBeCloseTo(z2 / (10 + z2), 12); // and at p = 0
    const [low, high] = wilsonInterval(50, 100);
    expect(low + high).toBeCloseTo(1, 12);
    expect(high - low).toBeLessThan(2 * 1.96 * 0.05); // narrower than the normal approximation
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
    expect(wilsonInterval(10, 10)[1]).toBeCloseTo(1, 12);
  });
});
