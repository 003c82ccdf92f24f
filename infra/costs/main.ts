/** `npm run costs [-- --prices FILE]`: what the default settings cost, from prices that can be given. */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { costTable } from './cost-table.ts';
import { pricesSchema } from './prices.ts';

const { values } = parseArgs({ options: { prices: { type: 'string' } } });
const given: unknown = values.prices === undefined ? {} : JSON.parse(readFileSync(values.prices, 'utf8'));
console.log(costTable(pricesSchema.parse(given)));
