/**
 * What a query costs besides encoding and walking the graph, and how long a restart takes, at 100,000 parts.
 *
 *   npm run bench -- query [--parts N] [--dimensions D] [--queries Q]
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Change } from '#shared/catalog/item.ts';
import { systemClock } from '#shared/core/clock.ts';
import { silentLog } from '#shared/core/log.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { normalize } from '#shared/core/vector.ts';
import type { SearchRequest } from '#shared/search/query.ts';
import { createSearch } from '#shared/search/search.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createProjection } from '#shared/vector-index/build-graph.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { openGraph } from '#shared/vector-index/graph-walk.ts';
import { graphFile, projectionFile } from '#shared/vector-index/manifest.ts';
import { openIndex } from '#shared/vector-index/open-index.ts';
import { machine, median, percentile, table } from './statistics.ts';

const WORDS =
  'dog cat beach boat red blue house tree child snow car street night flower bird food hill river city park'.split(' ');
const CLUSTERS = 500; // real embeddings lie in groups; random ones would make every graph look bad

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: 'string', default: '100000' },
      dimensions: { type: 'string', default: '256' },
      queries: { type: 'string', default: '400' },
    },
  });
  const [parts, dimensions, queries] = [Number(values.parts), Number(values.dimensions), Number(values.queries)];
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-bench-'));
  try {
    await measure(folder, parts, dimensions, queries);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, parts: number, dimensions: number, queries: number): Promise<void> {
  const random = createRandom(7);
  const centres = Array.from({ length: CLUSTERS }, () => randomVector(random, dimensions));
  const near = (centre: Float32Array) => normalize(centre.map((value) => value + 0.6 * gaussian(random)));
  const space = { id: 'bench', dimensions, calibration: {} };
  const deps = {
    store: createFileObjectStore(join(folder, 'state')),
    space,
    clock: systemClock,
    log: silentLog,
    scratchFolder: join(folder, 'scratch'),
  };
  const building = await openIndex(deps);
  const nextSequencer = createUlidGenerator(systemClock);
  for (let start = 0; start < parts; start += 1_000) {
    const changes = Array.from({ length: Math.min(1_000, parts - start) }, (_, i) =>
      itemChange(start + i, near(centres[(start + i) % CLUSTERS]!), nextSequencer(), random),
    );
    await building.apply(changes);
  }
  const buildSeconds = await secondsOf(() => compact(deps));
  await building.close();

  let index = await openIndex(deps);
  const openings: number[] = [];
  for (let i = 0; i < 3; i++) {
    await index.close();
    const startedMs = performance.now();
    index = await openIndex(deps);
    openings.push((performance.now() - startedMs) / 1000);
  }
  const graph = await openBareGraph(deps.store, dimensions);
  const vectors = Array.from({ length: queries }, (_, i) => near(centres[(i * 31) % CLUSTERS]!));
  const rows: string[][] = [['query', 'total p50', 'total p95', 'graph alone p50', 'rest p50']];
  for (const [name, request] of Object.entries(requests())) {
    const totals: number[] = [];
    const graphs: number[] = [];
    for (const [i, vector] of vectors.entries()) {
      const modalities = new Set(['text', 'image'] as const);
      const encoder = { space, modalities, queryTemplates: {} };
      const embedder = { texts: async () => [vector], image: async () => vector, audio: async () => vector };
      const search = createSearch({ spaces: [{ index, encoder, embedder, modalities }], mediaStore: deps.store });
      const answer = await search.search(request(i));
      totals.push(answer.tookMs.search);
      graphs.push(request(i).mode === 'lexical' ? 0 : graphMs(graph, vector));
    }
    const rest = totals.map((total, i) => total - graphs[i]!);
    const ms = (value: number) => `${value.toFixed(2)} ms`;
    rows.push([name, ms(median(totals)), ms(percentile(totals, 0.95)), ms(median(graphs)), ms(median(rest))]);
  }
  await index.close();
  const memoryMib = process.memoryUsage().rss / 2 ** 20;
  process.stdout.write(
    `${parts.toLocaleString('en')} parts of ${dimensions} dimensions\n${await machine()}\n\n${table(rows)}\n` +
      `first compaction ${buildSeconds.toFixed(1)} s; restart ${median(openings).toFixed(2)} s; resident memory ${memoryMib.toFixed(0)} MiB\n`,
  );
}

function requests(): Record<string, (i: number) => SearchRequest> {
  const word = (i: number) => WORDS[i % WORDS.length]!;
  const base = { limit: 20, minProbability: undefined, filter: undefined, cursor: undefined };
  const text = (i: number) => ({ kind: 'text' as const, text: `${word(i)} ${word(i * 7 + 3)}`, weight: 1 });
  const album = { kind: 'compare' as const, field: 'album', comparison: { operator: 'equals' as const, value: 'a1' } };
  return {
    vector: (i) => ({ ...base, terms: [text(i)], mode: 'vector' }),
    'hybrid, a rare word': (i) => ({ ...base, terms: [{ ...text(i), text: `${i * 97}` }], mode: 'hybrid' }),
    'hybrid, two words of 14 %': (i) => ({ ...base, terms: [text(i)], mode: 'hybrid' }),
    'hybrid, a word of 14 %': (i) => ({ ...base, terms: [{ ...text(i), text: word(i) }], mode: 'hybrid' }),
    'vector, filter of 10 %': (i) => ({ ...base, terms: [text(i)], mode: 'vector', filter: album }),
  };
}

function itemChange(n: number, vector: Float32Array, sequencer: string, random: () => number): Change {
  const words = Array.from({ length: 3 }, () => WORDS[Math.floor(random() * WORDS.length)]!);
  return {
    operation: 'put',
    item: {
      key: `${words[0]}/${words.join('-')}-${n}.jpg`,
      sequencer,
      etag: String(n),
      status: 'indexed',
      modality: 'image',
      contentType: 'image/jpeg',
      sizeBytes: 100_000 + n,
      attributes: { album: `a${n % 10}` },
      indexedAt: new Date(0).toISOString(),
    },
    parts: [{ range: null, vector }],
  };
}

/** The same graph, to be searched with the index's default ef at the depth that search asks for. */
async function openBareGraph(store: ReturnType<typeof createFileObjectStore>, dimensions: number) {
  const paths = new Map<string, string>();
  for await (const { key } of store.list({ prefix: 'spaces/' })) {
    paths.set(key.slice(key.lastIndexOf('/') + 1), (await store.localPath(key, tmpdir()))!);
  }
  const projected = paths.get(projectionFile('image'));
  const directions = projected && new Float32Array(new Uint8Array(await readFile(projected)).buffer);
  const projection = createProjection(directions || undefined, dimensions);
  return { graph: await openGraph(paths.get(graphFile('image'))!, projection.dimensions), projection };
}

function graphMs({ graph, projection }: Awaited<ReturnType<typeof openBareGraph>>, vector: Float32Array): number {
  const point = projection.point(vector);
  const startedMs = performance.now();
  graph.search(point, 100);
  return performance.now() - startedMs;
}

function randomVector(random: () => number, dimensions: number): Float32Array {
  return normalize(Float32Array.from({ length: dimensions }, () => gaussian(random))).map(
    (v) => v * Math.sqrt(dimensions),
  );
}

/** Box and Muller 1958. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}
