/** The filter language of the API, from JSON to the tree that the catalog compiles. */

import type { Comparison, Filter, Scalar } from '#shared/catalog/filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { jsonPointer } from './validation.ts';

const MAX_DEPTH = 16;
/** Comparisons and values in one filter: what SQLite compiles without complaint. */
const MAX_SIZE = 1_000;
const MAX_FIELD_LENGTH = 128;

interface Budget {
  left: number;
}

/**
 * @param path JSON pointer of the filter in its request
 * @throws ChiasmError `invalid_request` with the place and what was expected there
 */
export function parseFilter(value: unknown, path: string): Filter {
  return parseObject(value, path, 0, { left: MAX_SIZE });
}

function parseObject(value: unknown, path: string, depth: number, budget: Budget): Filter {
  if (depth > MAX_DEPTH) throw problem(path, `expected at most ${MAX_DEPTH} levels`);
  if (!isRecord(value)) throw problem(path, 'expected an object such as {"album": "Lisbon"}');
  const filters = Object.entries(value).map(([name, inner]) => {
    const innerPath = path + jsonPointer([name]);
    spend(budget, innerPath);
    if (name === '$and' || name === '$or') return parseList(name, inner, innerPath, depth, budget);
    if (name === '$not') return { kind: 'not', filter: parseObject(inner, innerPath, depth + 1, budget) } as const;
    if (name.startsWith('$')) throw problem(innerPath, 'expected a field, $and, $or or $not');
    if (name === '' || name.length > MAX_FIELD_LENGTH) {
      throw problem(innerPath, `expected a field name of 1 to ${MAX_FIELD_LENGTH} characters`);
    }
    return parseField(name, inner, innerPath, budget);
  });
  return filters.length === 1 ? filters[0]! : { kind: 'and', filters };
}

function parseList(name: '$and' | '$or', value: unknown, path: string, depth: number, budget: Budget): Filter {
  if (!Array.isArray(value) || value.length === 0) throw problem(path, `expected ${name} to be a list of filters`);
  return {
    kind: name === '$and' ? 'and' : 'or',
    filters: value.map((inner, i) => parseObject(inner, `${path}/${i}`, depth + 1, budget)),
  };
}

function parseField(field: string, value: unknown, path: string, budget: Budget): Filter {
  if (value === null || isScalar(value)) return compare(field, { operator: 'equals', value });
  if (!isRecord(value) || Object.keys(value).length === 0) {
    throw problem(path, 'expected a string, a number, true, false, null, or operators such as {"$gte": 3}');
  }
  const comparisons = Object.entries(value).map(([operator, operand]) => {
    const operatorPath = path + jsonPointer([operator]);
    spend(budget, operatorPath);
    return compare(field, parseComparison(operator, operand, operatorPath, budget));
  });
  return comparisons.length === 1 ? comparisons[0]! : { kind: 'and', filters: comparisons };
}

const ORDERINGS = { $gt: 'gt', $gte: 'gte', $lt: 'lt', $lte: 'lte' } as const;

function parseComparison(operator: string, operand: unknown, path: string, budget: Budget): Comparison {
  switch (operator) {
    case '$in':
      if (!Array.isArray(operand) || !operand.every(isScalar)) {
        throw problem(path, 'expected a list of strings, numbers, true or false');
      }
      spend(budget, path, operand.length);
      return { operator: 'in', values: operand };
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      if (typeof operand !== 'string' && !isFiniteNumber(operand)) throw problem(path, 'expected a number or a string');
      return { operator: ORDERINGS[operator], value: operand };
    case '$prefix':
      if (typeof operand !== 'string') throw problem(path, 'expected a string');
      return { operator: 'prefix', value: operand };
    case '$exists':
      if (typeof operand !== 'boolean') throw problem(path, 'expected true or false');
      return { operator: 'exists', value: operand };
    default:
      throw problem(path, 'expected one of $in, $gt, $gte, $lt, $lte, $prefix, $exists');
  }
}

function compare(field: string, comparison: Comparison): Filter {
  return { kind: 'compare', field, comparison };
}

function spend(budget: Budget, path: string, amount = 1): void {
  budget.left -= amount;
  if (budget.left < 0) throw problem(path, `expected a filter of at most ${MAX_SIZE} comparisons and values`);
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || isFiniteNumber(value);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problem(path: string, message: string): ChiasmError {
  return new ChiasmError('invalid_request', `the filter: ${path}: ${message}`, { issues: [{ path, message }] });
}
