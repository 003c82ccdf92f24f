import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { createUlidGenerator, ulidTimeMs } from '#shared/core/ulid.ts';

describe('ULIDs', () => {
  it('ascend whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 2, maxLength: 50 }), (steps) => {
        const clock = createManualClock();
        const next = createUlidGenerator(clock);
        const ulids = steps.map((step) => {
          clock.advance(step);
          return next();
        });
        expect(ulids).toEqual([...ulids].sort());
        expect(new Set(ulids).size).toBe(ulids.length);
      }),
    );
  });

  it('ascend when the random part overflows', () => {
    const next = createUlidGenerator(createManualClock(), () => 0.999999);
    const [a, b, c] = [next(), next(), next()];
    expect([a, b, c]).toEqual([a, b, c].sort());
    expect(new Set([a, b, c]).size).toBe(3);
  });

  it('carry their time, as in the specification', () => {
    expect(ulidTimeMs('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(1_469_922_850_259);
    expect(createUlidGenerator(createManualClock(1_469_922_850_259))().slice(0, 10)).toBe('01ARZ3NDEK');
  });
});
