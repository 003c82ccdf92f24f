/** Prices x uses, as a table in Markdown. */

import { ALWAYS_FREE, type Prices } from './prices.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

/** In dollars. @param withFree whether what AWS gives to every account is taken off */
export function costOf({ uses }: Workload, prices: Prices, withFree: boolean): number {
  const lines = Object.entries(uses) as [keyof Prices, number][];
  return lines.reduce((sum, [name, used]) => {
    const billed = Math.max(0, used - (withFree ? (ALWAYS_FREE[name] ?? 0) : 0));
    return sum + billed * prices[name];
  }, 0);
}

export function costTable(prices: Prices): string {
  const dollars = (amount: number) => `$${amount.toFixed(2)}`;
  const rows = WORKLOADS.map((workload) => {
    const [largest] = largestUses(workload, prices);
    return `| ${workload.name} | ${dollars(costOf(workload, prices, true))} | ${dollars(costOf(workload, prices, false))} | ${largest} |`;
  });
  return ['| | with the free allowances | without | most of it |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function largestUses({ uses }: Workload, prices: Prices): string[] {
  const amounts = (Object.entries(uses) as [keyof Prices, number][]).map(
    ([name, used]) => [name, used * prices[name]] as const,
  );
  return amounts.sort(([, a], [, b]) => b - a).map(([name, amount]) => `${name} $${amount.toFixed(2)}`);
}
