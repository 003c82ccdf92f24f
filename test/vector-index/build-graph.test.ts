import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GraphTask, makeGraph } from '#shared/vector-index/build-graph.ts';
import { graphFile } from '#shared/vector-index/manifest.ts';
import { TRIAL_ROWS } from '#shared/vector-index/principal-directions.ts';
import { writeMatrix } from '#shared/vector-index/vector-file.ts';
import { clusteredVectors } from './sample-changes.ts';

const D = 8;
const FEW = 100;
const MANY = 5 * FEW;

function numbers(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to - from }, (_, i) => from + i);
}

/** A graph of the first FEW rows, and the task that adds the others to it. */
function grownFrom(pointsWhenBuilt: number): GraphTask {
  const [first, second] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'chiasm-graph-')));
  const vectorsPath = join(first!, 'vectors.f32');
  writeMatrix(vectorsPath, Float32Array.from(clusteredVectors(1, MANY, D, 5).flatMap((vector) => [...vector])));
  const task = {
    modality: 'image',
    dimensions: D,
    parameters: { m: 4, efConstruction: 16, seed: 1 },
    vectorsPath,
    folder: first!,
    rows: numbers(0, FEW),
    previous: undefined,
    rebuildShare: 0.2,
  };
  const { description } = makeGraph(task);
  const paths = new Map([[graphFile('image'), join(first!, graphFile('image'))]]);
  const previous = {
    description: { ...description, pointsWhenBuilt },
    paths,
    added: numbers(FEW, MANY),
    removed: new Int32Array(),
  };
  return { ...task, folder: second!, rows: numbers(0, MANY), previous };
}

describe('a graph that has grown fivefold', () => {
  it('is built anew when few points had chosen its directions', () => {
    expect(makeGraph(grownFrom(FEW))).toMatchObject({
      rebuilt: true,
      description: { points: MANY, pointsWhenBuilt: MANY },
    });
  });

  it('goes on growing when enough had', () => {
    const task = grownFrom(TRIAL_ROWS);
    const rows = numbers(0, 5 * TRIAL_ROWS); // only the added ones are read
    expect(makeGraph({ ...task, rows })).toMatchObject({
      rebuilt: false,
      description: { pointsWhenBuilt: TRIAL_ROWS },
    });
  });
});
