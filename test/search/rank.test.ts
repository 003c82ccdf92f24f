import { describe, expect, it } from 'vitest';
import type { Space } from '#shared/encoders/space.ts';
import { matchLogit, queryCalibration } from '#shared/search/calibrate.ts';
import { combineTerms, type EmbeddedTerm } from '#shared/search/embed-query.ts';
import { fuseRanks } from '#shared/search/fuse-ranks.ts';
import { createMatchProbability } from '#shared/search/match-probability.ts';

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
    const calibration = queryCalibration(space, [{ modality: 'image', weight: -1 }], 'image');
    expect(calibration).toEqual({ scale: 30, bias: -6, sameModality: true });
  });

  it('is unknown as soon as a pair that counts is', () => {
    const terms = [
      { modality: 'text', weight: 1 },
      { modality: 'audio', weight: 1 },
    ] as const;
    expect(queryCalibration(space, terms, 'image')).toBeUndefined();
  });
});

describe('matchLogit', () => {
  const pictures = { scale: 8, bias: -8, sameModality: true } as const;

  it('is the calibrated line', () => {
    expect(matchLogit({ scale: 8, bias: -8 }, 1)).toBe(0);
    expect(matchLogit(pictures, 0.95)).toBeCloseTo(-0.4, 10);
  });

  it('grows sure within one modality as the cosine comes to 1, and stays finite there', () => {
    expect(matchLogit(pictures, 0.99)).toBeCloseTo(-0.08 + 2 * Math.log(5), 10);
    expect(matchLogit(pictures, 1)).toBeCloseTo(2 * Math.log(50_000), 6);
    expect(matchLogit(pictures, 1 + 1e-7)).toBeLessThan(22);
  });

  it('never falls as the cosine grows', () => {
    const logits = Array.from({ length: 2_001 }, (_, i) => matchLogit(pictures, i / 1_000 - 1));
    expect(logits).toEqual([...logits].sort((a, b) => a - b));
  });
});

describe('createMatchProbability', () => {
  const space: Space = { id: 's', dimensions: 2, calibration: { 'image-text': { scale: 20, bias: -10 } } };
  const unit = (degrees: number) =>
    Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
  const term = (degrees: number, weight: number) => ({ modality: 'text' as const, weight, vector: unit(degrees) });
  const probability = (terms: readonly EmbeddedTerm[], item: Float32Array) =>
    createMatchProbability(space, { vector: combineTerms(terms), terms })('image', item)!;
  const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));

  it('is the calibrated cosine for one term', () => {
    expect(probability([term(0, 1)], unit(30))).toBeCloseTo(sigmoid(20 * Math.cos(Math.PI / 6) - 10), 5);
  });

  it('is lowered by a negative term only where that term matches', () => {
    const alone = probability([term(0, 1)], unit(0));
    const [beach, people] = [term(0, 1), term(90, -1)];
    expect(probability([beach, people], unit(0))).toBeCloseTo(alone, 3); // 90 degrees from people
    expect(probability([beach, people], unit(45))).toBeLessThan(0.05); // as near to people as to the beach
  });

  it('is lowered less by a lesser weight', () => {
    const item = unit(40);
    const weights = [0, 0.2, 0.7, 1].map((weight) => probability([term(0, 1), term(80, -weight)], item));
    expect(weights).toEqual([...weights].sort((a, b) => b - a));
    expect(new Set(weights).size).toBe(4);
  });

  it('is unknown without a calibration', () => {
    const terms = [term(0, 1)];
    expect(createMatchProbability(space, { vector: unit(0), terms })('audio', unit(0))).toBeUndefined();
  });
});
