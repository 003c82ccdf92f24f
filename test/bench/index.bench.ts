/**
 * The index alone, at its port: recall against speed over ef, and under filters of falling selectivity.
 *
 *   npm run bench -- index [--parts N] [--dimensions D] [--queries Q] [--ef 32,64,96,192]
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Filter } from '#shared/catalog/filter.ts';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { type OpenIndexDependencies, openIndex } from '#shared/vector-index/open-index.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import { clusteredVectors, put } from '../vector-index/sample-changes.ts';
import { machine, median, percentile, table } from './statistics.ts';

/** Items that match a filter: one in so many. */
const ONE_IN = [1, 2, 4, 10, 20, 50, 100, 1000];
const K = 10;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: 'string', default: '100000' },
      dimensions: { type: 'string', default: '512' },
      queries: { type: 'string', default: '200' },
      ef: { type: 'string', default: '16,32,64,96,192' },
    },
  });
  const [parts, dimensions, queries] = [Number(values.parts), Number(values.dimensions), Number(values.queries)];
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    const vectors = clusteredVectors(1, parts + queries, dimensions, Math.ceil(Math.sqrt(parts)));
    const deps = {
      store: createFileObjectStore(join(folder, 'state')),
      space: { id: 'bench', dimensions },
      clock: systemClock,
      log: silentLog,
      scratchFolder: join(folder, 'scratch'),
    };
    process.stdout.write(`${parts.toLocaleString('en')} parts of ${dimensions} dimensions\n${await machine()}\n\n`);
    await fill(deps, vectors.slice(0, parts));
    const size = (await folderBytes(join(folder, 'state'))) / parts;
    process.stdout.write(`on disk ${size.toFixed(0)} bytes a part (float32 vector: ${dimensions * 4})\n\n`);
    await measureRecallAgainstSpeed(deps, vectors.slice(parts), values.ef.split(',').map(Number));
    await measureFilters(deps, vectors.slice(parts));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(deps: OpenIndexDependencies, vectors: readonly Float32Array[]): Promise<void> {
  const index = await openIndex(deps);
  const startedMs = performance.now();
  for (let start = 0; start < vectors.length; start += 1000) {
    const batch = vectors.slice(start, start + 1000);
    await index.apply(batch.map((vector, i) => put({ key: `k${start + i}`, attributes: groupsOf(start + i) }, vector)));
  }
  const appliedMs = performance.now();
  await index.close();
  await compact(deps);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  process.stdout.write(
    `apply ${seconds(appliedMs - startedMs)}, compaction ${seconds(performance.now() - appliedMs)}; `,
  );
}

/** `in10: true` for one item in ten, at random places. */
function groupsOf(i: number): Record<string, boolean> {
  const scattered = Math.imul(i + 1, 0x9e3779b1) >>> 0;
  return Object.fromEntries(ONE_IN.map((n) => [`in${n}`, Math.floor((scattered / 2 ** 32) * n) === 0]));
}

async function measureRecallAgainstSpeed(
  deps: OpenIndexDependencies,
  queries: readonly Float32Array[],
  efs: readonly number[],
): Promise<void> {
  const rows = [['ef', `recall@${K}`, 'p50', 'p95', 'queries/s']];
  for (const ef of efs) {
    const index = await openIndex(deps, { ef });
    const { recall, times } = await compare(index, queries, undefined);
    rows.push([String(ef), recall.toFixed(4), ms(median(times)), ms(percentile(times, 0.95)), perSecond(times)]);
    await index.close();
  }
  process.stdout.write(`${table(rows)}\n`);
}

async function measureFilters(deps: OpenIndexDependencies, queries: readonly Float32Array[]): Promise<void> {
  const index = await openIndex(deps);
  const rows = [['matching', 'plan', `recall@${K}`, 'p50', 'p95', 'exact p50', 'first use']];
  for (const n of ONE_IN) {
    const filter: Filter = { kind: 'compare', field: `in${n}`, comparison: { operator: 'equals', value: true } };
    const startedMs = performance.now();
    await index.searchVectors({ vector: queries[0]!, limit: K, filter });
    const firstMs = performance.now() - startedMs;
    const { recall, times, exactTimes, plan } = await compare(index, queries, filter);
    const cells = [
      recall.toFixed(4),
      ms(median(times)),
      ms(percentile(times, 0.95)),
      ms(median(exactTimes)),
      ms(firstMs),
    ];
    rows.push([`${(100 / n).toFixed(1)} %`, plan, ...cells]);
  }
  process.stdout.write(table(rows));
  await index.close();
}

async function compare(index: VectorIndex, queries: readonly Float32Array[], filter: Filter | undefined) {
  const times: number[] = [];
  const exactTimes: number[] = [];
  let found = 0;
  let possible = 0;
  let plan = '';
  for (const vector of queries) {
    const query = { vector, limit: K, ...(filter === undefined ? {} : { filter }) };
    const startedMs = performance.now();
    const answer = await index.searchVectors(query);
    const answeredMs = performance.now();
    const exact = await index.searchVectors({ ...query, exact: true });
    times.push(answeredMs - startedMs);
    exactTimes.push(performance.now() - answeredMs);
    plan = answer.plan;
    const bound = (exact.hits.at(-1)?.score ?? 0) - 1e-6;
    found += answer.hits.filter(({ score }) => score >= bound).length;
    possible += exact.hits.length;
  }
  return { recall: possible === 0 ? 1 : found / possible, times, exactTimes, plan };
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function perSecond(times: readonly number[]): string {
  return (1000 / (times.reduce((sum, time) => sum + time, 0) / times.length)).toFixed(0);
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
