import { join } from 'node:path';
import hnswlib from 'hnswlib-node';
import { describe, expect, it } from 'vitest';
import { dot } from '#shared/core/vector.ts';
import { openGraph } from '#shared/vector-index/graph-walk.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';
import { clusteredVectors } from './sample-changes.ts';

const D = 24; // not a multiple of what a kernel takes at a time
const N = 3000;
const K = 10;

const vectors = clusteredVectors(21, N + 300, D, 40);
const queries = vectors.slice(N);

/** hnswlib's own graph of `points`, whose labels are twice their places, and the file it writes. */
async function graphOf(points: readonly Float32Array[], deleted: readonly number[] = []) {
  const graph = new hnswlib.HierarchicalNSW('ip', D);
  graph.initIndex(points.length + 5, 8, 100, 1);
  points.forEach((point, i) => {
    graph.addPoint(Array.from(point), 2 * i);
  });
  for (const i of deleted) graph.markDelete(2 * i);
  const path = join(await temporaryFolder(), 'graph.hnsw');
  graph.writeIndexSync(path);
  return { graph, walk: await openGraph(path, D) };
}

function nearest(query: Float32Array): number[] {
  const scores = vectors.slice(0, N).map((vector) => dot(query, vector));
  const places = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  return places.slice(0, K).map((place) => 2 * place);
}

function share(found: Iterable<number>, wanted: readonly number[]): number {
  const all = new Set(found);
  return wanted.filter((label) => all.has(label)).length / wanted.length;
}

describe("a walk over hnswlib's file", () => {
  it('finds as much of the truth as hnswlib does, in hundreds of searches', async () => {
    const { graph, walk } = await graphOf(vectors.slice(0, N));
    for (const ef of [10, 20, 80]) {
      graph.setEf(ef);
      let [own, library] = [0, 0];
      for (const query of queries) {
        const wanted = nearest(query);
        own += share(walk.search(query, ef), wanted) / queries.length;
        library += share(graph.searchKnn(Array.from(query), ef).neighbors, wanted) / queries.length;
      }
      expect(library).toBeGreaterThan(0.7);
      expect(own).toBeGreaterThan(library - 0.01);
    }
  });

  it('gives the best first, and all points when so many are asked for', async () => {
    const { walk } = await graphOf(vectors.slice(0, 200));
    const query = queries[0]!;
    const labels = [...walk.search(query, 500)];
    expect(labels.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => 2 * i));
    const scores = labels.map((label) => dot(query, vectors[label / 2]!));
    for (let i = 1; i < scores.length; i++) expect(scores[i]!).toBeLessThan(scores[i - 1]! + 0.02);
  });

  it('leaves out deleted points, and goes through them', async () => {
    const deleted = Array.from({ length: 200 }, (_, i) => i).filter((i) => i % 3 !== 0);
    const { walk } = await graphOf(vectors.slice(0, 200), deleted);
    const labels = [...walk.search(queries[1]!, 200)].sort((a, b) => a - b);
    expect(labels).toEqual(Array.from({ length: 67 }, (_, i) => 6 * i));
  });

  it('finds the only point, and nothing where there is none', async () => {
    expect([...(await graphOf(vectors.slice(0, 1))).walk.search(queries[0]!, 4)]).toEqual([0]);
    expect([...(await graphOf(vectors.slice(0, 1), [0])).walk.search(queries[0]!, 4)]).toEqual([]);
    expect([...(await graphOf([])).walk.search(queries[0]!, 4)]).toEqual([]);
  });
});
