/**
 * JSON of the API's filter language to a `Filter` tree, with a JSON pointer in every refusal. What the operators mean is
 * written in `filter.ts`. A value of null means "has no value": `{"f": null}` and `{"f": {"$exists": false}}` are equal.
 */

import { ChiasmError, type Issue } from '#shared/core/errors.ts';
import type { Comparison, Filter, Scalar } from './filter.ts';

/** Deepest nesting of `$and`, `$or`, `$not`. */
export const MAX_FILTER_DEPTH = 16;
/** Most comparisons in one filter, and most values in one `$in`: SQLite binds 32,766 values. */
export const MAX_COMPARISONS = 256;
export const MAX_IN_VALUES = 1000;
const MAX_STRING_CHARACTERS = 2048;
const MAX_FIELD_CHARACTERS = 256;

/**
 * @returns undefined for undefined and for `{}`, which match everything
 * @throws ChiasmError `invalid_request` with an issue for each refused place; `base` is the pointer of the filter itself
 */
export function parseFilter(json: unknown, base = ''): Filter | undefined {
  if (json === undefined) return undefined;
  const parser: Parser = { issues: [], comparisons: 0 };
  const filter = parseNode(parser, json, base, 1);
  if (parser.comparisons > MAX_COMPARISONS) {
    refuse(parser, base, `expected at most ${MAX_COMPARISONS} comparisons, got ${parser.comparisons}`);
  }
  if (parser.issues.length === 0) return filter;
  const first = parser.issues[0]!;
  throw new ChiasmError('invalid_request', `the filter is refused at "${first.path}": ${first.message}`, {
    issues: parser.issues,
  });
}

interface Parser {
  readonly issues: Issue[];
  comparisons: number;
}

/** Undefined when the node matches everything, and after a refusal (which `parser.issues` holds then). */
function parseNode(parser: Parser, json: unknown, path: string, depth: number): Filter | undefined {
  if (!isRecord(json)) return refuse(parser, path, `expected an object such as {"label": "cat"}, got ${show(json)}`);
  if (depth > MAX_FILTER_DEPTH) return refuse(parser, path, `filters nest at most ${MAX_FILTER_DEPTH} deep`);
  const filters: Filter[] = [];
  for (const [name, value] of Object.entries(json)) {
    const at = `${path}/${escapePointer(name)}`;
    if (name === '$and' || name === '$or') filters.push(...parseList(parser, name, value, at, depth));
    else if (name === '$not') filters.push({ kind: 'not', filter: parseNode(parser, value, at, depth + 1) ?? all });
    else if (name.startsWith('$'))
      refuse(parser, at, `"${name}" is not known here; $and, $or and $not combine filters`);
    else filters.push(...parseField(parser, name, value, at));
  }
  return filters.length > 1 ? { kind: 'and', filters } : filters[0];
}

const all: Filter = { kind: 'and', filters: [] };

function parseList(parser: Parser, name: '$and' | '$or', json: unknown, path: string, depth: number): Filter[] {
  if (!Array.isArray(json) || json.length === 0) {
    refuse(parser, path, `${name} expects an array of at least one filter, got ${show(json)}`);
    return [];
  }
  const filters = json.map((entry, i) => parseNode(parser, entry, `${path}/${i}`, depth + 1) ?? all);
  return [{ kind: name === '$and' ? 'and' : 'or', filters }];
}

function parseField(parser: Parser, field: string, json: unknown, path: string): Filter[] {
  if (field === '' || field.length > MAX_FIELD_CHARACTERS || !field.isWellFormed()) {
    refuse(parser, path, `a field name has 1 to ${MAX_FIELD_CHARACTERS} well-formed characters`);
    return [];
  }
  const comparisons = isRecord(json)
    ? Object.entries(json).map(([operator, value]) =>
        parseOperator(parser, field, operator, value, `${path}/${escapePointer(operator)}`),
      )
    : [parseEquals(parser, field, json, path)];
  if (comparisons.length === 0) refuse(parser, path, `expected an operator such as {"$gte": 1}, got {}`);
  parser.comparisons += comparisons.length;
  return comparisons.flatMap((comparison) => (comparison ? [{ kind: 'compare', field, comparison } as const] : []));
}

const ORDERINGS = { $gt: 'gt', $gte: 'gte', $lt: 'lt', $lte: 'lte' } as const;

function parseOperator(parser: Parser, field: string, operator: string, value: unknown, path: string) {
  switch (operator) {
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return parseOrdering(parser, field, ORDERINGS[operator], value, path);
    case '$in':
      return parseIn(parser, field, value, path);
    case '$prefix':
      if (typeof value !== 'string') return refuse(parser, path, `$prefix expects a string, got ${show(value)}`);
      return checkString(parser, value, path) ? ({ operator: 'prefix', value } as const) : undefined;
    case '$exists':
      if (typeof value !== 'boolean') return refuse(parser, path, `$exists expects true or false, got ${show(value)}`);
      return { operator: 'exists', value } as const;
    default:
      return refuse(
        parser,
        path,
        `"${operator}" is not an operator; expected $in, $gt, $gte, $lt, $lte, $prefix or $exists`,
      );
  }
}

function parseOrdering(
  parser: Parser,
  field: string,
  operator: 'gt' | 'gte' | 'lt' | 'lte',
  value: unknown,
  path: string,
): Comparison | undefined {
  const scalar = parseScalar(parser, field, value, path);
  if (typeof scalar === 'boolean') return refuse(parser, path, 'true and false have no order');
  return scalar === undefined ? undefined : { operator, value: scalar };
}

function parseIn(parser: Parser, field: string, json: unknown, path: string): Comparison | undefined {
  if (!Array.isArray(json) || json.length === 0 || json.length > MAX_IN_VALUES) {
    return refuse(parser, path, `$in expects an array of 1 to ${MAX_IN_VALUES} values, got ${show(json)}`);
  }
  const values = json.map((value, i) => parseScalar(parser, field, value, `${path}/${i}`));
  return { operator: 'in', values: values.filter((value) => value !== undefined) };
}

function parseEquals(parser: Parser, field: string, json: unknown, path: string): Comparison | undefined {
  if (json === null) return { operator: 'equals', value: null };
  const value = parseScalar(parser, field, json, path);
  return value === undefined ? undefined : { operator: 'equals', value };
}

function parseScalar(parser: Parser, field: string, json: unknown, path: string): Scalar | undefined {
  if (typeof json === 'boolean') return json;
  if (typeof json === 'number') {
    return Number.isFinite(json) ? json : refuse(parser, path, 'expected a finite number');
  }
  if (typeof json !== 'string') {
    return refuse(parser, path, `expected a string, a number, true or false, got ${show(json)}`);
  }
  if (!checkString(parser, json, path)) return undefined;
  return field === 'indexedAt' ? parseTime(parser, json, path) : json;
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Times are compared as ISO 8601 text in UTC with milliseconds, the form that the catalog stores. */
function parseTime(parser: Parser, text: string, path: string): string | undefined {
  const ms = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    return refuse(parser, path, `expected an ISO 8601 time such as 2026-01-31T08:00:00Z, got ${show(text)}`);
  }
  return new Date(ms).toISOString();
}

function checkString(parser: Parser, text: string, path: string): boolean {
  if (text.length <= MAX_STRING_CHARACTERS && text.isWellFormed()) return true;
  refuse(parser, path, `expected at most ${MAX_STRING_CHARACTERS} well-formed characters`);
  return false;
}

function refuse(parser: Parser, path: string, message: string): undefined {
  parser.issues.push({ path, message });
  return undefined;
}

function isRecord(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function show(json: unknown): string {
  const text = JSON.stringify(json) ?? String(json);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
