import { describe, expect, it } from 'vitest';
import { type Answers, pairedAuroc, pairedDifference, type Scores } from '#functions/examples/paired-difference.ts';
import { createRandom } from '#shared/core/random.ts';

const answers = (...tasks: Record<string, readonly boolean[]>[]): Answers =>
  tasks.map((right) => ({
    right: Object.fromEntries(Object.entries(right).map(([task, values]) => [task, new Map(values.entries())])),
  }));
const numbers = createRandom(3);
const coins = (count: number, share: number) => Array.from({ length: count }, () => numbers.uniform() < share);

describe('the paired difference', () => {
  it('of a network with itself is nothing, with certainty', () => {
    const one = answers({ kind: coins(50, 0.7) });
    expect(pairedDifference(one, one, ['kind'])).toEqual({ value: 0, low: 0, high: 0 });
  });

  it('has the interval of the rows that the two differ in', () => {
    const base = coins(1_000, 0.8);
    const better = base.map((right, i) => right || i % 20 === 0); // one row in twenty is right in any case
    const { value, low, high } = pairedDifference(answers({ kind: better }), answers({ kind: base }), ['kind']);
    const gained = better.filter((right, i) => right !== base[i]).length / 1_000;
    expect(value).toBeCloseTo(gained, 12);
    const deviation = Math.sqrt((gained * (1 - gained)) / 1_000);
    expect(Math.abs(low - (gained - 1.96 * deviation))).toBeLessThan(deviation / 3);
    expect(Math.abs(high - (gained + 1.96 * deviation))).toBeLessThan(deviation / 3);
    expect(low).toBeGreaterThan(0);
  });

  it('averages seeds row by row, and tasks that measure other rows', () => {
    const a = answers({ x: [true, true], y: [true] }, { x: [true, false], y: [true] });
    const b = answers({ x: [false, false], y: [true] }, { x: [false, false], y: [true] });
    expect(pairedDifference(a, b, ['x']).value).toBe(0.75);
    expect(pairedDifference(a, b, ['x', 'y']).value).toBe(0.375);
  });

  it('draws rows of one group together: copies of a row make nothing surer', () => {
    const base = coins(200, 0.6);
    const better = base.map((right, i) => right || i % 5 === 0);
    const copied = (values: readonly boolean[]) => answers({ kind: values.flatMap((value) => [value, value, value]) });
    const { low, high } = pairedDifference(answers({ kind: better }), answers({ kind: base }), ['kind']);
    const grouped = pairedDifference(copied(better), copied(base), ['kind'], (row) => Math.floor(row / 3));
    expect(grouped.low).toBeCloseTo(low, 12);
    expect(grouped.high).toBeCloseTo(high, 12);
    expect(pairedDifference(copied(better), copied(base), ['kind']).low).toBeGreaterThan(low);
  });
});

describe('the paired difference of AUROC', () => {
  const scores = (...positives: readonly number[]): Scores => [
    {
      scores: {
        ill: new Map(positives.map((p, row) => [row, { label: row % 2, probabilities: Float64Array.of(1 - p, p) }])),
      },
    },
  ];

  it('is that of the areas, on rows that both measured', () => {
    const sure = scores(0.1, 0.9, 0.2, 0.8, 0.5);
    const wrong = scores(0.9, 0.1, 0.8, 0.2);
    expect(pairedAuroc(sure, wrong, 'ill').value).toBe(1);
    expect(pairedAuroc(sure, sure, 'ill')).toEqual({ value: 0, low: 0, high: 0 });
  });
});
