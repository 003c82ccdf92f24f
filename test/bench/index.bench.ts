/**
 * The index beside what people would use instead, on the same vectors in one run: recall against speed, filters, memory,
 * disk, cold start and time to searchable. Peers are installed into `peers/` here and nowhere else.
 *
 *   npm run bench -- index [--parts N] [--dimensions D] [--queries Q] [--engines a;b] [--sizes N,N] [--svg FILE] [--results FILE] [--folder FOLDER [--build]]
 *
 * `--sizes` builds ours alone at further sizes; `--svg` draws recall against speed. `--results` keeps what was measured in a
 * file and measures only what is not there yet. `--folder` keeps what was built and builds only what is not there yet, and
 * `--build` builds without measuring: only measuring needs a quiet machine.
 */

import { execFile, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { row } from '#shared/core/vector.ts';
import { createFloatRows } from '#shared/vector-index/float-rows.ts';
import { createTopRows, offerRow } from '#shared/vector-index/top-rows.ts';
import { embeddingLike } from './embedding-like.ts';
import { ENGINE_NAMES, type EngineFigures, K, type Point, type Truth } from './engine-process.ts';
import { inGroup, ONE_IN } from './engines/engine.ts';
import { PEERS_FOLDER } from './engines/peer.ts';
import { drawRecallAgainstSpeed } from './recall-plot.ts';
import { machine, table } from './statistics.ts';

interface Measured extends EngineFigures {
  readonly buildMs: number;
  readonly diskBytes: number;
}

type Result = Measured | { readonly problem: string };

const OURS = 'chiasm';

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: 'string', default: '100000' },
      dimensions: { type: 'string', default: '512' },
      queries: { type: 'string', default: '200' },
      engines: { type: 'string', default: ENGINE_NAMES.join(';') },
      sizes: { type: 'string', default: '' },
      svg: { type: 'string' },
      results: { type: 'string' },
      folder: { type: 'string' },
      build: { type: 'boolean', default: false },
    },
  });
  const [parts, dimensions, queries] = [Number(values.parts), Number(values.dimensions), Number(values.queries)];
  const engines = values.engines.split(';');
  const sizes = values.sizes === '' ? [] : values.sizes.split(',').map(Number);
  if (engines.some((engine) => !engine.startsWith(OURS))) await installPeers();
  process.stdout.write(`${parts.toLocaleString('en')} parts of ${dimensions} dimensions\n${await machine()}\n\n`);
  const data = (count: number): Data => ({ parts: count, dimensions, queries, folder: values.folder });
  if (values.build) {
    await withData(data(parts), (folder) => buildAll(engines, folder, dimensions));
    for (const size of sizes) await withData(data(size), (folder) => buildAll([OURS], folder, dimensions));
    return;
  }
  const results = await openResults(values.results);
  const measure = (count: number, names: readonly string[]) => results.of(names, data(count));
  const measured = await measure(parts, engines);
  process.stdout.write(report(measured, parts, dimensions));
  if (values.svg !== undefined) {
    const curves = measured.flatMap(([name, result]) => ('problem' in result ? [] : [{ name, points: result.points }]));
    await writeFile(values.svg, drawRecallAgainstSpeed(curves, `${parts.toLocaleString('en')} x ${dimensions}`));
  }
  const growth: [number, Result][] = [];
  for (const size of sizes) growth.push([size, (await measure(size, [OURS]))[0]![1]]);
  if (growth.length > 0) process.stdout.write(reportGrowth(growth));
}

interface Data {
  readonly parts: number;
  readonly dimensions: number;
  readonly queries: number;
  /** Where it is kept; undefined for a folder that is removed. */
  readonly folder: string | undefined;
}

/** What was measured, in a file when there is a path, so that a run can be cut into several. */
async function openResults(path: string | undefined) {
  const kept: Record<string, Result> = path && existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : {};
  const keyOf = (engine: string, data: Data) =>
    `${engine}, ${data.parts} x ${data.dimensions}, ${data.queries} queries`;
  return {
    of: async (engines: readonly string[], data: Data): Promise<(readonly [string, Result])[]> => {
      const missing = engines.filter((engine) => kept[keyOf(engine, data)] === undefined);
      if (missing.length > 0) {
        await withData(data, async (folder) => {
          for (const engine of missing) {
            const result = await runEngine(engine, folder, data.dimensions);
            process.stderr.write(`${keyOf(engine, data)}: ${'problem' in result ? result.problem : 'done'}\n`);
            kept[keyOf(engine, data)] = result;
            if (path !== undefined) await writeFile(path, JSON.stringify(kept, null, 1));
          }
        });
      }
      return engines.map((engine) => [engine, kept[keyOf(engine, data)]!] as const);
    },
  };
}

async function installPeers(): Promise<void> {
  if (existsSync(join(PEERS_FOLDER, 'node_modules'))) return;
  process.stderr.write('installing the peers into test/bench/peers\n');
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund'], { cwd: PEERS_FOLDER }); // 'ci' wants every platform's packages
}

/** Vectors, queries and their true neighbours in a folder, which is removed afterwards unless it is to be kept. */
async function withData(data: Data, work: (folder: string) => Promise<void>): Promise<void> {
  if (data.folder !== undefined) {
    const folder = join(data.folder, `${data.parts}x${data.dimensions}-${data.queries}`);
    if (!existsSync(join(folder, 'truth.json'))) await writeData(data, folder);
    return work(folder);
  }
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    await writeData(data, folder);
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeData({ parts, dimensions, queries }: Data, folder: string): Promise<void> {
  const source = embeddingLike(1, dimensions, Math.ceil(2 * Math.sqrt(parts)));
  const vectors = source.draw(parts);
  const asked = source.draw(queries);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'vectors.f32'), new Uint8Array(vectors.buffer));
  await writeFile(join(folder, 'queries.f32'), new Uint8Array(asked.buffer));
  await writeFile(join(folder, 'truth.json'), JSON.stringify(findTruth(vectors, asked, dimensions)));
}

function findTruth(vectors: Float32Array, queries: Float32Array, dimensions: number): Truth {
  const count = vectors.length / dimensions;
  const rows = createFloatRows(dimensions, count);
  for (let i = 0; i < count; i++) rows.add(row(vectors, dimensions, i));
  const groups = ONE_IN.map((n) => [...idsInGroup(count, n)]);
  const all: number[][] = [];
  const filtered = Object.fromEntries(ONE_IN.map((n) => [n, [] as number[][]]));
  for (let q = 0; q * dimensions < queries.length; q++) {
    const scores = rows.products(row(queries, dimensions, q));
    all.push(nearest(scores, scores.keys()));
    for (const [i, n] of ONE_IN.entries()) filtered[n]!.push(nearest(scores, groups[i]!));
  }
  return { all, filtered };
}

function* idsInGroup(count: number, oneIn: number): Iterable<number> {
  for (let id = 0; id < count; id++) if (inGroup(id, oneIn)) yield id;
}

/** The K of `ids` with the greatest scores, best first. */
function nearest(scores: Float32Array, ids: Iterable<number>): number[] {
  const top = createTopRows(K);
  for (const id of ids) offerRow(top, id, scores[id]!);
  return [...top.rows.subarray(0, top.size)].sort((a, b) => scores[b]! - scores[a]! || a - b);
}

async function runEngine(engine: string, data: string, dimensions: number): Promise<Result> {
  const copy = join(data, 'measured');
  try {
    const { folder, ...built } = await buildEngine(engine, data, dimensions);
    await cp(folder, copy, { recursive: true }); // measuring also inserts
    const task = { engine, data, folder: copy, dimensions, phase: 'measure' };
    return { ...built, ...(await inProcess<EngineFigures>(task)) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message.split('\n')[0]! : String(error) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** What `engine` searches in `data`, built unless it is there: engines of one name up to a comma share it. */
async function buildEngine(engine: string, data: string, dimensions: number) {
  const folder = join(data, engine.split(',')[0]!.replaceAll(' ', '-'));
  const note = `${folder}.json`;
  if (!existsSync(note)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const { buildMs } = await inProcess<{ buildMs: number }>({ engine, data, folder, dimensions, phase: 'build' });
    await writeFile(note, JSON.stringify({ buildMs, diskBytes: await folderBytes(folder) }));
  }
  return { folder, ...(JSON.parse(await readFile(note, 'utf8')) as { buildMs: number; diskBytes: number }) };
}

async function buildAll(engines: readonly string[], data: string, dimensions: number): Promise<void> {
  for (const engine of engines) {
    const problem = await buildEngine(engine, data, dimensions).then(
      () => 'built',
      (error: Error) => error.message,
    );
    process.stderr.write(`${engine}: ${problem}\n`);
  }
}

function inProcess<T>(task: object): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const child = fork(join(import.meta.dirname, 'engine-process.ts'), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errors = '';
  child.stderr!.on('data', (bytes) => {
    errors = `${errors}${bytes}`.slice(-2000);
  });
  child.on('message', (figures) => resolve(figures as T));
  child.on('exit', (code, signal) => {
    const line = errors.split('\n').find((text) => /^\w*Error: /.test(text)) ?? errors.trim().split('\n').at(-1);
    reject(new Error(`its process ended with ${signal ?? `code ${code}`}: ${line}`)); // no effect after a message
  });
  child.send(task);
  return promise;
}

function report(results: readonly (readonly [string, Result])[], parts: number, dimensions: number): string {
  const measured = results.flatMap(([name, result]) => ('problem' in result ? [] : [[name, result] as const]));
  const cost = [['engine', 'build', 'cold start (processor)', 'memory/part', 'disk/part', 'insert to found']];
  const speed = [['engine', 'at recall 0.95', 'at recall 0.99', 'best recall']];
  const filters = [['engine', ...ONE_IN.map((n) => `${100 / n} %: recall, p50`)]];
  for (const [name, result] of measured) {
    const best = Math.max(...result.points.map(({ recall }) => recall));
    speed.push([name, speedAt(result.points, 0.95), speedAt(result.points, 0.99), best.toFixed(4)]);
    const memory = `${(result.memoryBytes / parts).toFixed(0)} B`;
    const insert = result.insertMs === undefined ? '-' : `${result.insertMs.toFixed(1)} ms`;
    const build = `${(result.buildMs / 1000).toFixed(1)} s`;
    cost.push([name, build, coldStart(result), memory, `${(result.diskBytes / parts).toFixed(0)} B`, insert]);
    const cells = result.filtered.map(({ recall, medianMs }) => `${recall.toFixed(3)}, ${medianMs.toFixed(2)} ms`);
    filters.push([name, ...(cells.length > 0 ? cells : ONE_IN.map(() => 'no filters'))]);
  }
  const curve = [['engine', 'setting', `recall@${K}`, 'p50', 'queries/s']];
  for (const [name, { points }] of measured) {
    for (const { setting, recall, medianMs, queriesPerSecond } of points) {
      curve.push([name, setting, recall.toFixed(4), `${medianMs.toFixed(3)} ms`, queriesPerSecond.toFixed(0)]);
    }
  }
  const problems = results.flatMap(([name, result]) =>
    'problem' in result ? [`${name} could not be measured: ${result.problem}\n`] : [],
  );
  const vector = `a float32 vector has ${dimensions * 4} B`;
  return `${table(speed)}\n${table(filters)}\n${table(cost)}(${vector})\n\n${table(curve)}\n${problems.join('')}`;
}

/** Queries a second of the fastest setting that reaches the recall. */
function speedAt(points: readonly Point[], recall: number): string {
  const reaching = points.filter((point) => point.recall >= recall);
  if (reaching.length === 0) return 'not reached';
  return `${Math.max(...reaching.map((point) => point.queriesPerSecond)).toFixed(0)} /s`;
}

function coldStart({ coldStartMs, coldStartProcessorMs }: Measured): string {
  return `${(coldStartMs / 1000).toFixed(2)} s (${(coldStartProcessorMs / 1000).toFixed(2)} s)`;
}

function reportGrowth(results: readonly (readonly [number, Result])[]): string {
  const rows = [
    ['parts', 'build', 'cold start (processor)', 'memory/part', 'disk/part', 'p50 at recall 0.99', 'insert to found'],
  ];
  for (const [parts, result] of results) {
    if ('problem' in result) {
      rows.push([parts.toLocaleString('en'), result.problem]);
      continue;
    }
    const good = result.points.filter(({ recall }) => recall >= 0.99).map(({ medianMs }) => medianMs);
    rows.push([
      parts.toLocaleString('en'),
      `${(result.buildMs / 1000).toFixed(1)} s`,
      coldStart(result),
      `${(result.memoryBytes / parts).toFixed(0)} B`,
      `${(result.diskBytes / parts).toFixed(0)} B`,
      good.length === 0 ? 'not reached' : `${Math.min(...good).toFixed(2)} ms`,
      result.insertMs === undefined ? '-' : `${result.insertMs.toFixed(1)} ms`,
    ]);
  }
  return table(rows);
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
