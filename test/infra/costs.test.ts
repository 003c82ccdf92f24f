/** What the documentation says that things cost is what the script computes. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { costOf, costTable } from '../../infra/costs/cost-table.ts';
import { type Prices, pricesSchema } from '../../infra/costs/prices.ts';
import { IDLE, IMPORT } from '../../infra/costs/workloads.ts';

const prices = pricesSchema.parse({});
const nothing = Object.fromEntries(Object.keys(prices).map((name) => [name, 0])) as Prices;

describe('the table of costs', () => {
  it('stands in the documentation as it is computed', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8')).toContain(costTable(prices));
  });

  it('has no machine by the hour in what is idle', () => {
    expect(Object.keys(IDLE.uses)).not.toEqual(expect.arrayContaining(['gpuHour']));
    expect(costOf(IDLE, prices, true)).toBeLessThan(1);
  });

  it('multiplies uses by prices, and takes off what is free', () => {
    const made = { name: 'made up', uses: { gpuHour: 2, alarmMetricMonth: 12 } };
    expect(costOf(made, { ...nothing, gpuHour: 0.5, alarmMetricMonth: 1 }, false)).toBe(13);
    expect(costOf(made, { ...nothing, gpuHour: 0.5, alarmMetricMonth: 1 }, true)).toBe(3);
  });

  it('takes other prices, and refuses what is no price', () => {
    expect(costOf(IMPORT, pricesSchema.parse({ gpuHour: 10 }), true)).toBeGreaterThan(costOf(IMPORT, prices, true));
    expect(() => pricesSchema.parse({ gpuHours: 10 })).toThrow(/gpuHours/);
    expect(() => pricesSchema.parse({ gpuHour: -1 })).toThrow();
  });
});
