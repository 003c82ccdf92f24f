import { describe, expect, it } from 'vitest';
import { MAX_COMPARISONS, MAX_FILTER_DEPTH, parseFilter } from '#shared/catalog/parse-filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';

function issuesOf(json: unknown) {
  try {
    parseFilter(json, '/filter');
  } catch (error) {
    expect(error).toBeInstanceOf(ChiasmError);
    return (error as ChiasmError).issues;
  }
  throw new Error('expected a refusal');
}

const compare = (field: string, comparison: object) => ({ kind: 'compare', field, comparison });

describe('parseFilter', () => {
  it('reads a bare value as equality', () => {
    expect(parseFilter({ label: 'cat' })).toEqual(compare('label', { operator: 'equals', value: 'cat' }));
    expect(parseFilter({ label: null })).toEqual(compare('label', { operator: 'equals', value: null }));
  });

  it('reads several fields and several operators as "and"', () => {
    expect(parseFilter({ n: { $gte: 1, $lt: 5 }, key: { $prefix: 'a/' } })).toEqual({
      kind: 'and',
      filters: [
        compare('n', { operator: 'gte', value: 1 }),
        compare('n', { operator: 'lt', value: 5 }),
        compare('key', { operator: 'prefix', value: 'a/' }),
      ],
    });
  });

  it('nests $and, $or and $not', () => {
    expect(parseFilter({ $or: [{ a: 1 }, { $not: { b: { $in: ['x', 2, true] } } }] })).toEqual({
      kind: 'or',
      filters: [
        compare('a', { operator: 'equals', value: 1 }),
        { kind: 'not', filter: compare('b', { operator: 'in', values: ['x', 2, true] }) },
      ],
    });
  });

  it('matches everything when there is nothing to match', () => {
    expect(parseFilter(undefined)).toBeUndefined();
    expect(parseFilter({})).toBeUndefined();
    expect(parseFilter({ $not: {} })).toEqual({ kind: 'not', filter: { kind: 'and', filters: [] } });
  });

  it('brings times to UTC with milliseconds, as they are stored', () => {
    expect(parseFilter({ indexedAt: { $gte: '2026-01-31' } })).toEqual(
      compare('indexedAt', { operator: 'gte', value: '2026-01-31T00:00:00.000Z' }),
    );
    expect(parseFilter({ indexedAt: { $lt: '2026-01-31T01:00:00+01:00' } })).toEqual(
      compare('indexedAt', { operator: 'lt', value: '2026-01-31T00:00:00.000Z' }),
    );
  });

  it.each([
    [[], '/filter', 'expected an object'],
    ['cat', '/filter', 'expected an object'],
    [{ label: {} }, '/filter/label', 'expected an operator'],
    [{ label: { $regex: '.*' } }, '/filter/label/$regex', 'not an operator'],
    [{ label: ['a'] }, '/filter/label', 'expected a string, a number'],
    [{ label: { $in: [] } }, '/filter/label/$in', 'array of 1 to'],
    [{ label: { $in: ['a', null] } }, '/filter/label/$in/1', 'expected a string'],
    [{ label: { $gt: true } }, '/filter/label/$gt', 'no order'],
    [{ label: { $exists: 1 } }, '/filter/label/$exists', 'true or false'],
    [{ label: { $prefix: 3 } }, '/filter/label/$prefix', 'expects a string'],
    [{ $and: {} }, '/filter/$and', 'expects an array'],
    [{ $or: [{ a: 1 }, 7] }, '/filter/$or/1', 'expected an object'],
    [{ $nor: [] }, '/filter/$nor', 'not known'],
    [{ 'a/b~c': { $gt: {} } }, '/filter/a~1b~0c/$gt', 'expected a string'],
    [{ indexedAt: 'yesterday' }, '/filter/indexedAt', 'ISO 8601'],
    [{ n: Number.POSITIVE_INFINITY }, '/filter/n', 'finite'],
    [{ label: '\ud800' }, '/filter/label', 'well-formed'],
    [{ '': 1 }, '/filter/', 'field name'],
  ])('refuses %j at %s', (json, path, message) => {
    expect(issuesOf(json)).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  it('reports every refused place at once', () => {
    expect(issuesOf({ a: [], b: { $gt: [] } }).map(({ path }) => path)).toEqual(['/filter/a', '/filter/b/$gt']);
  });

  it('refuses filters that are too deep or too large', () => {
    let deep: unknown = { a: 1 };
    for (let i = 0; i < MAX_FILTER_DEPTH; i++) deep = { $not: deep };
    expect(issuesOf(deep)[0]?.message).toContain('deep');
    const wide = { $or: Array.from({ length: MAX_COMPARISONS + 1 }, (_, i) => ({ n: i })) };
    expect(issuesOf(wide)[0]?.message).toContain(`at most ${MAX_COMPARISONS}`);
    expect(issuesOf({ a: { $in: Array.from({ length: 1001 }, (_, i) => i) } })[0]?.message).toContain('1000');
  });

  it('survives a hostile depth without exhausting the stack', () => {
    const json = JSON.parse(`${'{"$not":'.repeat(5000)}{}${'}'.repeat(5000)}`);
    expect(issuesOf(json)[0]?.message).toContain('deep');
  });
});
