import { describe, expect, it } from 'vitest';
import type { Space } from '#shared/encoders/space.ts';
import { queryCalibration } from '#shared/search/calibrate.ts';
import { fuseRanks } from '#shared/search/fuse-ranks.ts';

describe('fuseRanks', () => {
  it('orders by the sum of 1 / (60 + rank)', () => {
    // b: 1/62 + 1/61; a: 1/61; c: 1/62 + 1/63
    expect(
      fuseRanks([
        ['a', 'b', 'c'],
        ['b', 'c'],
      ]),
    ).toEqual(['b', 'c', 'a']);
  });

  it('keeps the order of one list', () => {
    expect(fuseRanks([['z', 'a', 'm'], []])).toEqual(['z', 'a', 'm']);
  });

  it('prefers the first list in a tie', () => {
    expect(fuseRanks([['a'], ['b']])).toEqual(['a', 'b']);
  });
});

describe('queryCalibration', () => {
  const space: Space = {
    id: 's',
    dimensions: 2,
    calibration: { 'image-text': { scale: 10, bias: -2 }, 'image-image': { scale: 30, bias: -6 } },
  };

  it('is that of the pair for one term', () => {
    expect(queryCalibration(space, [{ modality: 'text', weight: 0.3 }], 'image')).toEqual({ scale: 10, bias: -2 });
  });

  it('lies between those of a mixture by the shares of the positive weights', () => {
    const terms = [
      { modality: 'text', weight: 1 },
      { modality: 'image', weight: 3 },
      { modality: 'audio', weight: -5 },
    ] as const;
    expect(queryCalibration(space, terms, 'image')).toEqual({ scale: 25, bias: -5 });
  });

  it('goes by the negative weights when none is positive', () => {
    expect(queryCalibration(space, [{ modality: 'image', weight: -1 }], 'image')).toEqual({ scale: 30, bias: -6 });
  });

  it('is unknown as soon as a pair that counts is', () => {
    const terms = [
      { modality: 'text', weight: 1 },
      { modality: 'audio', weight: 1 },
    ] as const;
    expect(queryCalibration(space, terms, 'image')).toBeUndefined();
  });
});
