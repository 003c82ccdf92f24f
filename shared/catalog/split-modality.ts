/** A filter as the modalities that it allows at most and what else it asks for. */

import type { Filter, Scalar } from './filter.ts';

export interface SplitFilter {
  /** Undefined when the filter says nothing about modalities, or says it in another way than `=` and `$in`. */
  readonly modalities: ReadonlySet<Scalar> | undefined;
  /** What is left to be satisfied by items of these modalities. */
  readonly rest: Filter | undefined;
}

export function splitModality(filter: Filter | undefined): SplitFilter {
  if (filter === undefined) return { modalities: undefined, rest: undefined };
  const own = modalitiesOf(filter);
  if (own !== undefined) return { modalities: own, rest: undefined };
  if (filter.kind !== 'and') return { modalities: undefined, rest: filter };
  const parts = filter.filters.map(splitModality);
  const sets = parts.flatMap(({ modalities }) => modalities ?? []);
  const rest = parts.flatMap((part) => part.rest ?? []);
  return {
    modalities: sets[0] && new Set([...sets[0]].filter((modality) => sets.every((set) => set.has(modality)))),
    rest: rest.length < 2 ? rest[0] : { kind: 'and', filters: rest },
  };
}

function modalitiesOf(filter: Filter): ReadonlySet<Scalar> | undefined {
  if (filter.kind !== 'compare' || filter.field !== 'modality') return undefined;
  const { comparison } = filter;
  if (comparison.operator === 'in') return new Set(comparison.values);
  return comparison.operator === 'equals' && comparison.value !== null ? new Set([comparison.value]) : undefined;
}
