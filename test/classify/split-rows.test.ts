/** Splits of data sets. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldRows, splitRows } from '#shared/classify/split-rows.ts';
import { collectTasks } from '#shared/classify/tasks.ts';
import type { Example } from '#shared/datasets/example.ts';
import { createProblems } from '#shared/datasets/problems.ts';

const example = fc.record({
  inputs: fc.constant({ text: 'x' }),
  labels: fc.record({ a: fc.constantFrom('p', 'q', 'r'), b: fc.constantFrom('u', 'v') }),
  group: fc.option(fc.constantFrom('one', 'two', 'three'), { nil: undefined }),
});
const examples = fc.array(example, { minLength: 12, maxLength: 60 }) as fc.Arbitrary<Example[]>;
const tasksOf = (rows: readonly Example[]) =>
  collectTasks(
    rows.map((row, i) => ({ ...row, line: i + 1 })),
    undefined,
    createProblems(),
  );

const groupsOf = (rows: readonly Example[], chosen: readonly number[]) =>
  new Set(chosen.flatMap((row) => rows[row]!.group ?? []));

describe('a split', () => {
  it('uses every row once, keeps groups together, and leaves every class a training row', () => {
    fc.assert(
      fc.property(examples, fc.nat(100), (rows, seed) => {
        const tasks = tasksOf(rows);
        const { train, validation, test } = splitRows(rows, tasks, seed);
        expect([...train, ...validation, ...test].sort((a, b) => a - b)).toEqual([...rows.keys()]);
        const parts = [train, validation, test].map((part) => [...groupsOf(rows, part)]);
        expect(new Set(parts.flat()).size).toBe(parts.flat().length);
        for (const { labels } of tasks) {
          expect(new Set(train.map((row) => labels[row]))).toEqual(new Set(labels));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is the same for the same seed, and takes the rows that say where they belong', () => {
    const rows: Example[] = Array.from({ length: 40 }, (_, i) => ({
      inputs: { text: 'x' },
      labels: { a: `${i % 2}` },
      ...(i >= 30 && { split: 'test' as const }),
    }));
    const first = splitRows(rows, tasksOf(rows), 4);
    expect(splitRows(rows, tasksOf(rows), 4)).toEqual(first);
    expect(splitRows(rows, tasksOf(rows), 5)).not.toEqual(first);
    expect(first.test).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    expect(first.validation).toHaveLength(5); // 15 % of the 30 that may train
  });
});

describe('folds', () => {
  it('measure every row once, with every class in about equal shares, groups together', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 3, max: 6 }), (rows, folds) => {
        const splits = foldRows(rows, [...rows.keys()], tasksOf(rows), 1, folds);
        expect(splits.flatMap(({ test }) => test).sort((a, b) => a - b)).toEqual([...rows.keys()]);
        for (const { train, validation, test } of splits) {
          expect(train.length + validation.length + test.length).toBe(rows.length);
          const measured = groupsOf(rows, test);
          expect([...groupsOf(rows, train)].filter((group) => measured.has(group))).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
    const plain: Example[] = Array.from({ length: 50 }, (_, i) => ({
      inputs: { text: 'x' },
      labels: { a: `${i % 10}` },
    }));
    for (const { test } of foldRows(plain, [...plain.keys()], tasksOf(plain), 1, 5)) {
      expect(new Set(test.map((row) => plain[row]!.labels.a)).size).toBe(10);
    }
  });
});
