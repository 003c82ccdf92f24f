/**
 * Filters as parameterised SQL over the catalog's tables. Values are always bound, never written into the text.
 * Booleans are stored as one-byte blobs, so that SQLite's storage classes keep 1, "1" and true apart.
 */

import type { Comparison, Filter, Scalar } from './filter.ts';

export type SqlValue = string | number | Uint8Array;

export interface Sql {
  readonly text: string;
  readonly parameters: readonly SqlValue[];
}

/** Columns of the reserved fields. Every other field is an attribute. */
const COLUMNS: Readonly<Record<string, string>> = {
  key: 'key',
  modality: 'modality',
  contentType: 'content_type',
  sizeBytes: 'size_bytes',
  indexedAt: 'indexed_at',
};

const TRUE = new Uint8Array([1]);
const FALSE = new Uint8Array([0]);

/** How a scalar is stored and bound. */
export function sqlValue(value: Scalar): SqlValue {
  if (typeof value === 'boolean') return value ? TRUE : FALSE;
  return value;
}

/** A condition on the columns of table `item`. */
export function filterSql(filter: Filter): Sql {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return combine(filter.filters.map(filterSql), filter.kind);
    case 'not': {
      const inner = filterSql(filter.filter);
      return { text: `NOT (${inner.text})`, parameters: inner.parameters };
    }
    case 'compare': {
      const items = comparisonSql(filter.field, filter.comparison);
      return { text: `item.id IN (${items.text})`, parameters: items.parameters };
    }
  }
}

/** A query for the ids of the items that satisfy one comparison. */
export function comparisonSql(field: string, comparison: Comparison): Sql {
  const absence =
    (comparison.operator === 'equals' && comparison.value === null) ||
    (comparison.operator === 'exists' && !comparison.value);
  const column = Object.hasOwn(COLUMNS, field) ? COLUMNS[field] : undefined;
  if (column !== undefined) {
    if (absence) return { text: `SELECT id FROM item WHERE ${column} IS NULL`, parameters: [] };
    const condition = valueSql(column, comparison);
    return { text: `SELECT id FROM item WHERE ${condition.text}`, parameters: condition.parameters };
  }
  if (absence) {
    const text = 'SELECT id FROM item WHERE id NOT IN (SELECT item FROM attribute WHERE name = ?)';
    return { text, parameters: [field] };
  }
  const condition = valueSql('value', comparison);
  return {
    text: `SELECT item FROM attribute WHERE name = ? AND ${condition.text}`,
    parameters: [field, ...condition.parameters],
  };
}

function valueSql(column: string, comparison: Comparison): Sql {
  switch (comparison.operator) {
    case 'equals':
      return { text: `${column} = ?`, parameters: [sqlValue(comparison.value!)] };
    case 'in':
      if (comparison.values.length === 0) return { text: '0', parameters: [] };
      return {
        text: `${column} IN (${comparison.values.map(() => '?').join(', ')})`,
        parameters: comparison.values.map(sqlValue),
      };
    case 'gt':
      return { text: `${column} > ? AND ${sameClass(column, comparison.value)}`, parameters: [comparison.value] };
    case 'gte':
      return { text: `${column} >= ? AND ${sameClass(column, comparison.value)}`, parameters: [comparison.value] };
    case 'lt':
      return { text: `${column} < ? AND ${sameClass(column, comparison.value)}`, parameters: [comparison.value] };
    case 'lte':
      return { text: `${column} <= ? AND ${sameClass(column, comparison.value)}`, parameters: [comparison.value] };
    case 'prefix':
      return prefixSql(column, comparison.value);
    case 'exists':
      return { text: `${column} IS NOT NULL`, parameters: [] };
  }
}

/** Numbers are compared with numbers and text with text; SQLite orders NULL < numbers < text < blobs. */
function sameClass(column: string, value: string | number): string {
  return typeof value === 'number' ? `${column} < ''` : `${column} >= '' AND ${column} < x''`;
}

/** `column` starts with `prefix`, as a range that an index on `column` serves. */
export function prefixSql(column: string, prefix: string): Sql {
  const end = prefixEnd(prefix);
  if (end === undefined) return { text: `${column} >= ? AND ${column} < x''`, parameters: [prefix] };
  return { text: `${column} >= ? AND ${column} < ?`, parameters: [prefix, end] };
}

/** The least string, by UTF-8 bytes, that sorts after every string with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last === 0x10ffff) continue;
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1); // U+D800 to U+DFFF are no characters
  }
  return undefined;
}

function combine(parts: readonly Sql[], kind: 'and' | 'or'): Sql {
  if (parts.length === 0) return { text: kind === 'and' ? '1' : '0', parameters: [] };
  return {
    text: parts.map((part) => `(${part.text})`).join(kind === 'and' ? ' AND ' : ' OR '),
    parameters: parts.flatMap((part) => part.parameters),
  };
}
