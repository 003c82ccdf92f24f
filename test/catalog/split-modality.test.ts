import { describe, expect, it } from 'vitest';
import type { Filter } from '#shared/catalog/filter.ts';
import { splitModality } from '#shared/catalog/split-modality.ts';

const image: Filter = { kind: 'compare', field: 'modality', comparison: { operator: 'equals', value: 'image' } };
const both: Filter = { kind: 'compare', field: 'modality', comparison: { operator: 'in', values: ['image', 'text'] } };
const album: Filter = { kind: 'compare', field: 'album', comparison: { operator: 'equals', value: 'a' } };
const year: Filter = { kind: 'compare', field: 'year', comparison: { operator: 'gt', value: 3 } };

describe('a filter', () => {
  it.each<[string, Filter | undefined, string[] | undefined, Filter | undefined]>([
    ['that is none', undefined, undefined, undefined],
    ['of a modality', image, ['image'], undefined],
    ['without a modality', album, undefined, album],
    ['of a modality and more', { kind: 'and', filters: [image, album] }, ['image'], album],
    [
      'with modalities at several depths',
      { kind: 'and', filters: [both, { kind: 'and', filters: [image, album] }, year] },
      ['image'],
      { kind: 'and', filters: [album, year] },
    ],
    [
      'with a modality under or',
      { kind: 'or', filters: [image, album] },
      undefined,
      { kind: 'or', filters: [image, album] },
    ],
    ['with a modality under not', { kind: 'not', filter: image }, undefined, { kind: 'not', filter: image }],
  ])('%s gives its modalities and the rest', (_, filter, modalities, rest) => {
    const split = splitModality(filter);
    expect(split.modalities && [...split.modalities]).toEqual(modalities);
    expect(split.rest).toEqual(rest);
  });
});
