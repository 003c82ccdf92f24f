/**
 * One engine of the index benchmark in a process of its own, so that its memory can be told: builds, or opens what another
 * process built and measures it. Started by `index.bench.ts`, to which it sends its figures.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { row } from '#shared/core/vector.ts';
import { type CreateEngine, type Engine, ONE_IN } from './engines/engine.ts';
import { median } from './statistics.ts';

const ENGINES: Readonly<Record<string, () => Promise<CreateEngine>>> = {
  chiasm: async () => (await import('./engines/chiasm.ts')).createEngine,
  'chiasm, ids alone': async () => (await import('./engines/chiasm-rows.ts')).createEngine,
  'chiasm, vectors in memory': async () => (await import('./engines/chiasm.ts')).createHoldingEngine,
  'chiasm, from a bucket': async () => (await import('./engines/chiasm-bucket.ts')).createEngine,
  lancedb: async () => (await import('./engines/lancedb.ts')).createEngine,
  chroma: async () => (await import('./engines/chroma.ts')).createEngine,
  'sqlite-vec': async () => (await import('./engines/sqlite-vec.ts')).createEngine,
  'usearch f32': async () => (await import('./engines/usearch.ts')).usearchEngine('f32'),
  'usearch f16': async () => (await import('./engines/usearch.ts')).usearchEngine('f16'),
  'usearch f16 and SQLite': async () => {
    const { usearchEngine } = await import('./engines/usearch.ts');
    return (await import('./engines/with-items.ts')).withItems(usearchEngine('f16'));
  },
  'usearch i8': async () => (await import('./engines/usearch.ts')).usearchEngine('i8'),
};

export const ENGINE_NAMES = Object.keys(ENGINES);
export const K = 10;

export interface Point {
  readonly setting: string;
  readonly recall: number;
  readonly medianMs: number;
  readonly queriesPerSecond: number;
}

export interface EngineFigures {
  readonly coldStartMs: number;
  /** Of all threads: what a start takes on a machine that does other things too. */
  readonly coldStartProcessorMs: number;
  /** When nothing goes on in the background any more. */
  readonly memoryBytes: number;
  readonly points: readonly Point[];
  /** With the setting whose recall first reaches 0.99 without a filter, or the last one. */
  readonly filtered: readonly (Point & { readonly oneIn: number })[];
  readonly insertMs: number | undefined;
}

/** Of one setting: enough for a median, and an end for engines that take long. */
const MOST_MS = 8_000;
const SETTLED_MS = 300;
const WARM_UP = 100;
const INSERTS = 11;

/** Truth: for each query the score of its k-th neighbour; per group too. Rows of [ONE_IN.length + 1] lists of ids [k]. */
export interface Truth {
  readonly all: readonly (readonly number[])[];
  readonly filtered: Readonly<Record<string, readonly (readonly number[])[]>>;
}

interface Task {
  readonly phase: 'build' | 'measure';
  readonly engine: string;
  readonly data: string;
  readonly folder: string;
  readonly dimensions: number;
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function build(engine: Engine, task: Task): Promise<{ readonly buildMs: number }> {
  const vectors = readFloats(join(task.data, 'vectors.f32'));
  const startedMs = performance.now();
  await engine.build(vectors, task.dimensions);
  const buildMs = performance.now() - startedMs;
  await engine.close();
  return { buildMs };
}

async function measure(engine: Engine, task: Task): Promise<EngineFigures> {
  const matrix = readFloats(join(task.data, 'queries.f32'));
  const queries = Array.from({ length: matrix.length / task.dimensions }, (_, i) => row(matrix, task.dimensions, i));
  const truth = JSON.parse(readFileSync(join(task.data, 'truth.json'), 'utf8')) as Truth;
  const before = process.memoryUsage().rss;
  const startedMs = performance.now();
  const used = process.cpuUsage();
  await engine.open(task.dimensions);
  await engine.search(queries[0]!, K);
  const coldStartMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(used);
  const coldStartProcessorMs = (user + system) / 1000;
  for (const query of queries.slice(0, 50)) await engine.search(query, K);
  await settled();
  const memoryBytes = process.memoryUsage().rss - before + ((await engine.otherMemoryBytes?.()) ?? 0);

  const points: Point[] = [];
  for (const setting of engine.settings) {
    await engine.use(setting);
    await engine.search(queries[0]!, K);
    await settled();
    points.push({ setting: setting.name, ...(await ask(engine, queries, truth.all)) });
  }
  const good = points.findIndex(({ recall }) => recall >= 0.99);
  const chosen = engine.settings[good < 0 ? engine.settings.length - 1 : good]!;
  await engine.use(chosen);
  await engine.search(queries[0]!, K);
  await settled();
  const filtered: (Point & { oneIn: number })[] = [];
  for (const oneIn of engine.filters ? ONE_IN : []) {
    const asked = await ask(engine, queries, truth.filtered[oneIn]!, oneIn);
    filtered.push({ oneIn, setting: chosen.name, ...asked });
  }
  const insertMs = await measureInserts(engine, queries, 10_000_000);
  await engine.close();
  return { coldStartMs, coldStartProcessorMs, memoryBytes, points, filtered, insertMs };
}

/** Waits until this process computes nothing any more: some engines go on reading after they have answered. */
async function settled(): Promise<void> {
  for (let busyMs = Number.POSITIVE_INFINITY; busyMs > SETTLED_MS / 10; ) {
    const before = process.cpuUsage();
    await setTimeout(SETTLED_MS);
    const { user, system } = process.cpuUsage(before);
    busyMs = (user + system) / 1000;
  }
}

async function ask(
  engine: Engine,
  queries: readonly Float32Array[],
  truth: readonly (readonly number[])[],
  oneIn?: number,
) {
  const warmMs = performance.now() + MOST_MS;
  for (const query of queries.slice(0, WARM_UP)) {
    await engine.search(query, K, oneIn);
    if (performance.now() > warmMs) break;
  }
  const times: number[] = [];
  let found = 0;
  let possible = 0;
  const endMs = performance.now() + MOST_MS;
  for (const [i, query] of queries.entries()) {
    const startedMs = performance.now();
    const ids = await engine.search(query, K, oneIn);
    times.push(performance.now() - startedMs);
    const wanted = new Set(truth[i]!);
    found += ids.filter((id) => wanted.has(id)).length;
    possible += wanted.size;
    if (performance.now() > endMs) break;
  }
  const medianMs = median(times);
  return { recall: found / possible, medianMs, queriesPerSecond: 1000 / medianMs };
}

/** From the call until a search finds the vector. */
async function measureInserts(engine: Engine, queries: readonly Float32Array[], firstId: number) {
  if (engine.insert === undefined) return undefined;
  const times: number[] = [];
  for (let i = 0; i < INSERTS; i++) {
    const vector = queries[i]!;
    const startedMs = performance.now();
    await engine.insert(firstId + i, vector);
    const isFound = async () => (await engine.search(vector, K)).includes(firstId + i);
    while (!(await isFound())) if (performance.now() - startedMs > MOST_MS) return undefined;
    times.push(performance.now() - startedMs);
  }
  return median(times);
}

if (process.send !== undefined) {
  process.once('message', async (task: Task) => {
    const engine = await (await ENGINES[task.engine]!())(task.folder);
    const figures = await (task.phase === 'build' ? build(engine, task) : measure(engine, task));
    process.send!(figures, () => process.exit(0));
  });
}
