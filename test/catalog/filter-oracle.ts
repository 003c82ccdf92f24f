/** What a filter means, in a few plain lines over the item itself: the catalog's SQL is held against it. */

import type { Comparison, Filter } from '#shared/catalog/filter.ts';
import type { Item } from '#shared/catalog/item.ts';
import { compareKeys } from '#shared/core/compare-keys.ts';

type Value = string | number | boolean;

export function satisfies(item: Item, filter: Filter): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((inner) => satisfies(item, inner));
    case 'or':
      return filter.filters.some((inner) => satisfies(item, inner));
    case 'not':
      return !satisfies(item, filter.filter);
    case 'compare':
      return compares(valuesOf(item, filter.field), filter.comparison);
  }
}

/** An array has several values; null, absent and the empty array have none. */
function valuesOf(item: Item, field: string): readonly Value[] {
  const reserved: Record<string, Value | undefined> = {
    key: item.key,
    modality: item.modality,
    contentType: item.contentType,
    sizeBytes: item.sizeBytes,
    indexedAt: new Date(item.indexedAt).toISOString(),
  };
  const value = Object.hasOwn(reserved, field)
    ? reserved[field]
    : Object.hasOwn(item.attributes, field)
      ? item.attributes[field]
      : undefined;
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value as Value];
}

function compares(values: readonly Value[], comparison: Comparison): boolean {
  switch (comparison.operator) {
    case 'equals':
      return comparison.value === null ? values.length === 0 : values.includes(comparison.value);
    case 'in':
      return values.some((value) => comparison.values.includes(value));
    case 'gt':
      return values.some((value) => order(value, comparison.value) > 0);
    case 'gte':
      return values.some((value) => order(value, comparison.value) >= 0);
    case 'lt':
      return values.some((value) => order(value, comparison.value) < 0);
    case 'lte':
      return values.some((value) => order(value, comparison.value) <= 0);
    case 'prefix':
      return values.some((value) => typeof value === 'string' && value.startsWith(comparison.value));
    case 'exists':
      return values.length > 0 === comparison.value;
  }
}

/** NaN, for which every comparison is false, unless both are numbers or both are text. */
function order(value: Value, bound: string | number): number {
  if (typeof value === 'number' && typeof bound === 'number') return value - bound;
  if (typeof value === 'string' && typeof bound === 'string') return compareKeys(value, bound);
  return Number.NaN;
}
