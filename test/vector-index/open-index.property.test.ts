import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Filter } from '#shared/catalog/filter.ts';
import { createManualClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { changes, DIMENSIONS } from './arbitrary-changes.ts';
import { IndexModel } from './index-model.ts';
import { randomVector, seededRandom } from './sample-changes.ts';

const random = seededRandom(7);
const QUERIES = [randomVector(random, DIMENSIONS), randomVector(random, DIMENSIONS)];
const FILTERS: Filter[] = [
  { kind: 'compare', field: 'label', comparison: { operator: 'equals', value: 'cat' } },
  { kind: 'not', filter: { kind: 'compare', field: 'n', comparison: { operator: 'gt', value: 6 } } },
];

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('apply' as const), writer: fc.nat(1), changes }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('compact' as const), rebuildShare: fc.constantFrom(0, 0.2, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact twice at once' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), writer: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('skew' as const), ms: fc.integer({ min: -100_000, max: 100_000 }) }),
  },
);

describe('an index of two writers, under random puts, deletes, redeliveries, compactions, restarts and clock skew', () => {
  it('answers as brute force over the newest operations does', async () => {
    const scratchFolder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const clocks = [createManualClock(), createManualClock()];
        const store = createMemoryObjectStore();
        const deps = { store, space: { id: 's', dimensions: DIMENSIONS }, log: silentLog, scratchFolder };
        const open = (writer: number) => openIndex({ ...deps, clock: clocks[writer]! });
        const indexes = [await open(0), await open(1)];
        const model = new IndexModel();
        try {
          for (const action of steps) {
            if (action.do === 'apply') {
              await indexes[action.writer]!.apply(action.changes);
              model.apply(action.changes);
            } else if (action.do === 'compact') {
              await compact({ ...deps, clock: clocks[0]! }, { rebuildShare: action.rebuildShare });
            } else if (action.do === 'compact twice at once') {
              await Promise.all(clocks.map((clock) => compact({ ...deps, clock })));
            } else if (action.do === 'reopen') {
              await indexes[action.writer]!.close();
              indexes[action.writer] = await open(action.writer);
            } else clocks[1]!.advance(action.ms);
          }
          for (const index of indexes) {
            await index.refresh();
            await model.check(index, QUERIES, FILTERS);
          }
        } finally {
          await Promise.all(indexes.map((index) => index.close()));
        }
      }),
      { numRuns: Number(process.env.CHIASM_PROPERTY_RUNS ?? 25), endOnFailure: true },
    );
  });
});
