/**
 * What Amazon S3 Vectors filters by: the metadata of a part, and filters in the service's language. A translated filter lets
 * through everything that the filter means and perhaps more; the catalog then decides. Not translated, because the service
 * has no such operator or another meaning for it: `$prefix`, `$not`, order of texts, `key`, `indexedAt`, and an empty `$in`.
 */

import type { Comparison, Filter } from '#shared/catalog/filter.ts';
import type { Item } from '#shared/catalog/item.ts';

type MetadataValue = string | number | boolean | (string | number | boolean)[];
export type Metadata = Record<string, MetadataValue>;
/** Of the service: `{field: {$eq: value}}`, `{$and: [...]}`, `{$or: [...]}`. */
export type MetadataFilter = Record<string, object>;

/** Marks a part whose attributes are not in its metadata because they are more than the service filters by. */
const PARTIAL = 'partial';
const ATTRIBUTE = 'a_';
const FIELDS: Readonly<Record<string, string | undefined>> = {
  modality: 'modality',
  contentType: 'contentType',
  sizeBytes: 'sizeBytes',
};
const RESERVED = new Set(['key', 'indexedAt', ...Object.keys(FIELDS)]);
/** The service's limits are 2 KB and 50 keys; one key is not filterable. */
const MAX_FILTERABLE_BYTES = 2000;
const MAX_FILTERABLE_KEYS = 48;

export function filterableMetadata(item: Item): Metadata {
  const own: Metadata = {
    ...(item.modality === undefined ? {} : { modality: item.modality }),
    contentType: item.contentType,
    sizeBytes: item.sizeBytes,
  };
  const attributes = Object.entries(item.attributes).flatMap(([name, value]): [string, MetadataValue][] => {
    const empty = value === null || (Array.isArray(value) && value.length === 0);
    return empty || RESERVED.has(name)
      ? []
      : [[ATTRIBUTE + name, typeof value === 'object' ? [...(value ?? [])] : value]];
  });
  const all = { ...own, ...Object.fromEntries(attributes) };
  const fits = Object.keys(all).length <= MAX_FILTERABLE_KEYS && sizeOf(all) <= MAX_FILTERABLE_BYTES;
  if (fits) return all;
  return sizeOf(own) <= MAX_FILTERABLE_BYTES ? { ...own, [PARTIAL]: true } : { [PARTIAL]: true };
}

/** Undefined when nothing of the filter can be translated. */
export function translateFilter(filter: Filter | undefined): MetadataFilter | undefined {
  const translated = filter && translate(filter);
  return translated && { $or: [translated, { [PARTIAL]: { $eq: true } }] };
}

function translate(filter: Filter): MetadataFilter | undefined {
  switch (filter.kind) {
    case 'not':
      return undefined;
    case 'compare':
      return translateComparison(filter.field, filter.comparison);
    case 'and': {
      const parts = filter.filters.flatMap((part) => asList(translate(part)));
      return parts.length < 2 ? parts[0] : { $and: parts };
    }
    case 'or': {
      const parts = filter.filters.map(translate);
      const all = parts.flatMap(asList);
      if (all.length === 0 || all.length < parts.length) return undefined;
      return all.length === 1 ? all[0] : { $or: all };
    }
  }
}

function asList(filter: MetadataFilter | undefined): MetadataFilter[] {
  return filter === undefined ? [] : [filter];
}

function translateComparison(field: string, comparison: Comparison): MetadataFilter | undefined {
  if (RESERVED.has(field) && FIELDS[field] === undefined) return undefined;
  const name = FIELDS[field] ?? ATTRIBUTE + field;
  switch (comparison.operator) {
    case 'equals':
      return { [name]: comparison.value === null ? { $exists: false } : { $eq: comparison.value } };
    case 'in':
      return comparison.values.length === 0 ? undefined : { [name]: { $in: comparison.values } };
    case 'exists':
      return { [name]: { $exists: comparison.value } };
    case 'prefix':
      return undefined;
    default:
      return typeof comparison.value === 'number'
        ? { [name]: { [`$${comparison.operator}`]: comparison.value } }
        : undefined;
  }
}

function sizeOf(metadata: Metadata): number {
  return Buffer.byteLength(JSON.stringify(metadata));
}
