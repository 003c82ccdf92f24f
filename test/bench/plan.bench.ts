/**
 * Where a filtered search is quicker by comparing all that matches and where by walking the graph, and the constants by
 * which `search-vectors.ts` decides. Made-up embeddings, filters of several selectivities, each by both ways in turn.
 *
 *   npm run bench -- plan [--parts N] [--dimensions D] [--queries Q]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { row } from '#shared/core/vector.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import {
  DEFAULT_GRAPH_SEARCH,
  NANOSECONDS_PER_CANDIDATE,
  nanosecondsPerRow,
} from '#shared/vector-index/search-vectors.ts';
import type { VectorAnswer, VectorIndex } from '#shared/vector-index/vector-index.ts';
import { embeddingLike } from './embedding-like.ts';
import { createEngine } from './engines/chiasm.ts';
import { ONE_IN } from './engines/engine.ts';
import { machine, percentile, table } from './statistics.ts';

const K = 10;
const WARM_UP = 20;
/** Low, because whatever else the machine does only adds to a time. */
const SHARE = 0.25;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: 'string', default: '20000' },
      dimensions: { type: 'string', default: '512' },
      queries: { type: 'string', default: '200' },
    },
  });
  const [parts, dimensions, queries] = [Number(values.parts), Number(values.dimensions), Number(values.queries)];
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    const source = embeddingLike(1, dimensions, Math.ceil(2 * Math.sqrt(parts)));
    const engine = await createEngine(folder);
    await engine.build(source.draw(parts), dimensions);
    process.stdout.write(await measure(folder, parts, dimensions, source.draw(queries)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, parts: number, dimensions: number, matrix: Float32Array): Promise<string> {
  const queries = Array.from({ length: matrix.length / dimensions }, (_, i) => row(matrix, dimensions, i));
  const open = (exactRows?: number) =>
    openIndex(
      {
        store: createFileObjectStore(join(folder, 'state')),
        space: { id: 'bench', dimensions },
        clock: systemClock,
        log: silentLog,
        scratchFolder: join(folder, 'scratch'),
      },
      exactRows === undefined ? {} : { exactRows },
    );
  const [scanning, walking, planning] = await Promise.all([open(Number.POSITIVE_INFINITY), open(0), open()]);
  const rows = [['matching rows', 'all compared', 'graph walked', 'candidates', 'the plan']];
  const scans: [number, number][] = [];
  const walks: [number, number][] = [];
  for (const oneIn of [undefined, ...ONE_IN]) {
    const scan = await ask(scanning, queries, oneIn);
    const walk = await ask(walking, queries, oneIn);
    const planned = await ask(planning, queries, oneIn);
    const matching = parts / (oneIn ?? 1);
    const candidates = Math.min(parts, DEFAULT_GRAPH_SEARCH.ef * (oneIn ?? 1));
    scans.push([matching, scan.ms]);
    if (walk.plan === 'graph' && candidates < parts / 4) walks.push([candidates, walk.ms]);
    const walked = walk.plan === 'graph' ? `${walk.ms.toFixed(3)} ms` : 'gave up';
    rows.push([matching.toFixed(0), `${scan.ms.toFixed(3)} ms`, walked, String(candidates), planned.plan]);
  }
  await Promise.all([scanning, walking, planning].map((index) => index.close()));
  const [perRow, perCandidate] = [slope(scans), slope(walks)].map((ms) => (ms * 1e6).toFixed(0));
  return (
    `${parts.toLocaleString('en')} parts of ${dimensions} dimensions, k = ${K}, lower quartiles of ${queries.length}\n` +
    `${await machine()}\n\n${table(rows)}\n` +
    `a compared row takes ${perRow} ns (assumed: ${nanosecondsPerRow(dimensions).toFixed(0)}), ` +
    `a candidate of the graph ${perCandidate} ns (assumed: ${NANOSECONDS_PER_CANDIDATE})\n`
  );
}

async function ask(index: VectorIndex, queries: readonly Float32Array[], oneIn: number | undefined) {
  const comparison = { operator: 'equals', value: true } as const;
  const filter = oneIn === undefined ? {} : { filter: { kind: 'compare', field: `in${oneIn}`, comparison } as const };
  const search = (vector: Float32Array) => index.searchVectors({ vector, limit: K, ...filter });
  for (const query of queries.slice(0, WARM_UP)) await search(query);
  const times: number[] = [];
  let plan: VectorAnswer['plan'] = 'exact';
  for (const query of queries) {
    const startedMs = performance.now();
    const answer = await search(query);
    times.push(performance.now() - startedMs);
    if (answer.plan === 'graph') plan = 'graph';
  }
  return { ms: percentile(times, SHARE), plan };
}

/** Least squares of y = a + b x; b. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([value]) => value)), mean(points.map(([, value]) => value))];
  const covariance = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  return covariance / points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
}
