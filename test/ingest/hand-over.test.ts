import { describe, expect, it } from 'vitest';
import { createByteBudget } from '#shared/ingest/byte-budget.ts';
import { createHandOver } from '#shared/ingest/hand-over.ts';

const full = (values: readonly unknown[]) => values.length >= 3;

describe('a hand-over', () => {
  it('gives a full batch at once and keeps the rest', async () => {
    const line = createHandOver<number>();
    for (const value of [1, 2, 3, 4]) line.push(value);
    expect(await line.take(full, 60_000)).toEqual([1, 2, 3]);
    expect(line.length).toBe(1);
  });

  it('gives what there is when nothing more comes for a while', async () => {
    const line = createHandOver<number>();
    line.push(1);
    expect(await line.take(full, 5)).toEqual([1]);
  });

  it('wakes a consumer that waits, and ends with an empty batch', async () => {
    const line = createHandOver<number>();
    const first = line.take(full, 1);
    line.push(1);
    expect(await first).toEqual([1]);
    const last = line.take(full, 60_000);
    line.end();
    expect(await last).toEqual([]);
  });

  it('gives what was pushed before the end', async () => {
    const line = createHandOver<number>();
    line.push(1);
    line.end();
    expect(await line.take(full, 60_000)).toEqual([1]);
    expect(await line.take(full, 60_000)).toEqual([]);
  });
});

describe('a byte budget', () => {
  it('lets through in order, and never more than its capacity', async () => {
    const budget = createByteBudget(10);
    const passed: number[] = [];
    await budget.acquire(6);
    const waiting = [5, 4].map(async (bytes) => {
      await budget.acquire(bytes);
      passed.push(bytes);
    });
    await Promise.resolve();
    expect(passed).toEqual([]); // 4 would fit and does not overtake 5
    budget.release(6);
    await Promise.all(waiting);
    expect(passed).toEqual([5, 4]);
  });

  it('lets through alone what is larger than its capacity', async () => {
    const budget = createByteBudget(10);
    await budget.acquire(50);
    let passed = false;
    const second = budget.acquire(1).then(() => {
      passed = true;
    });
    await Promise.resolve();
    expect(passed).toBe(false);
    budget.release(50);
    await second;
    expect(passed).toBe(true);
  });
});
