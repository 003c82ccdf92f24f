import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { calibrateBridge, fitLogistic } from '#shared/learning/alignment/calibrate-bridge.ts';

const D = 8;
const numbers = createRandom(4);

/** Unit queries, and targets that are the queries with noise. */
function pairs(count: number, noise: number) {
  const rows = Array.from({ length: count }, () => Array.from({ length: D }, () => numbers.normal()));
  const unit = (row: readonly number[]) => {
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  };
  const queries = Float32Array.from(rows.flatMap(unit));
  const targets = Float32Array.from(rows.flatMap((row) => unit(row.map((value) => value + noise * numbers.normal()))));
  return { queries, targets };
}

describe('the calibration of a bridge', () => {
  it('is the logistic curve that cosines were drawn from, at one match in twenty', () => {
    // matches N(0.6, 0.2), others N(0, 0.2): log odds = (0.6 c - 0.18) / 0.04 + log(0.05 / 0.95)
    const draw = (match: boolean) => ({ match, cosine: (match ? 0.6 : 0) + 0.2 * numbers.normal() });
    const observations = Array.from({ length: 40_000 }, (_, i) => draw(i % 5 === 0));
    const { scale, bias } = fitLogistic(observations);
    expect(Math.abs(scale - 15)).toBeLessThan(0.6);
    expect(Math.abs(bias - (-4.5 + Math.log(0.05 / 0.95)))).toBeLessThan(0.3);
  });

  it('tells partners from others, and knows its error', () => {
    const { queries, targets } = pairs(200, 0.5);
    const { scale, bias, error } = calibrateBridge(queries, targets, D)!;
    const probability = (cosine: number) => 1 / (1 + Math.exp(-(scale * cosine + bias)));
    expect(probability(0.95)).toBeGreaterThan(0.5);
    expect(probability(0)).toBeLessThan(0.02);
    expect(error).toBeLessThan(0.05);
  });

  it('is never certain, however well the pairs are told apart', () => {
    const { queries } = pairs(12, 0);
    const { scale, bias } = calibrateBridge(queries, queries, D)!;
    expect(1 / (1 + Math.exp(-(scale + bias)))).toBeLessThan(0.99);
  });

  it('of what tells nothing apart says how many match anyway', () => {
    const [{ queries }, { queries: others }] = [pairs(400, 0), pairs(400, 0)];
    const { scale, bias } = calibrateBridge(queries, others, D)!;
    expect(1 / (1 + Math.exp(-(scale * 0.3 + bias)))).toBeLessThan(0.1);
  });

  it('is not guessed from a handful of pairs', () => {
    const { queries, targets } = pairs(9, 0.5);
    expect(calibrateBridge(queries, targets, D)).toBeUndefined();
  });
});
