/** A real alignment, trained on pairs of two spaces that are rotations of each other, as a bridge between them. */

import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { createLog } from '#shared/core/log.ts';
import { dot, row } from '#shared/core/vector.ts';
import { openAlignment } from '#shared/learning/alignment/alignment.ts';
import { trainAlignment } from '#shared/learning/alignment/train-alignment.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createAlignmentBridges, type StoredAlignments } from '#shared/spaces/alignment-bridges.ts';
import { randomVector, seededRandom } from '../vector-index/sample-changes.ts';

const D = 6;
const trainer = { openSession: createOnnxSession };
/** Turns the axes: another space with the same meaning. */
const turned = (vector: Float32Array) => vector.map((_, i) => (i % 2 === 0 ? 1 : -1) * vector[(i + 1) % D]!);

async function trained() {
  const random = seededRandom(5);
  const from = Array.from({ length: 300 }, () => randomVector(random, D));
  const join = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((values) => [...values]));
  const pairs = { from: join(from), to: join(from.map(turned)), fromDimensions: D, toDimensions: D };
  return trainAlignment(pairs, { method: 'linear-cca', dimensions: D, regularisation: 1e-4 }, trainer);
}

describe('alignments as bridges', () => {
  it('lead from their space into the other, the newest first, and are opened once', async () => {
    const { card, files } = await trained();
    const clock = createManualClock();
    const logged: string[] = [];
    let listed = 0;
    let openings = 0;
    const modalities = { from: 'audio', to: 'image' } as const;
    const stored = [
      { name: 'old', training: '1', from: 'a', to: 'b', createdAt: '2026-01-01T00:00:00.000Z' },
      { name: 'new', training: '1', from: 'a', to: 'b', createdAt: '2026-02-01T00:00:00.000Z', modalities },
      { name: 'damaged', training: '1', from: 'a', to: 'b', createdAt: '2026-03-01T00:00:00.000Z' },
      { name: 'back', training: '1', from: 'b', to: 'a', createdAt: '2026-01-01T00:00:00.000Z' },
      { name: 'inside', training: '1', from: 'b', to: 'b', createdAt: '2026-01-01T00:00:00.000Z' },
    ];
    const alignments: StoredAlignments = {
      list: async () => {
        listed += 1;
        return stored;
      },
      open: async (name, deps) => {
        openings += 1;
        if (name === 'damaged') throw new ChiasmError('state_corrupt', 'train it again');
        const read = { ...files, 'card.json': Buffer.from(JSON.stringify(card)) };
        return openAlignment(async (file) => read[file], deps);
      },
    };
    const log = createLog((_level, event) => logged.push(event));
    const bridges = createAlignmentBridges({ alignments, trainer, clock, log });
    onTestFinished(() => bridges.close());

    const into = await bridges.into('b');
    expect(into.map(({ name }) => name)).toEqual(['new', 'old']);
    expect(into.map(({ calibration }) => calibration)).toEqual([{ ...card.calibration, ...modalities }, undefined]);
    expect(logged).toEqual(['bridge.not_opened']);
    expect(await bridges.into('c')).toEqual([]);
    await bridges.into('b');
    expect([listed, openings]).toEqual([1, 4]); // the damaged one is tried again
    clock.advance(10_000);
    await bridges.into('c');
    expect(listed).toBe(2);

    const random = seededRandom(9);
    const queries = Array.from({ length: 5 }, () => randomVector(random, D));
    const crossed = await into[0]!.bridge(Float32Array.from(queries.flatMap((query) => [...query])));
    for (const [i, query] of queries.entries()) expect(dot(row(crossed, D, i), turned(query))).toBeGreaterThan(0.99);
  });
});
