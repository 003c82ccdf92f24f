/** What every adapter of the session port must do. */

import { describe, expect, it } from 'vitest';
import type { OpenSession, Tensor } from '#shared/runtime/session.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';

/** double = 2 x, [B, 3]; negative = -x, [B, 3]; ids go through. */
const graph: Graph = {
  inputs: [
    { name: 'x', type: 'float32', shape: ['batch', 3] },
    { name: 'ids', type: 'int64', shape: ['batch'] },
  ],
  outputs: [
    { name: 'double', type: 'float32', shape: ['batch', 3] },
    { name: 'negative', type: 'float32', shape: ['batch', 3] },
    { name: 'sameIds', type: 'int64', shape: ['batch'] },
  ],
  nodes: [
    { op: 'Mul', inputs: ['x', 'two'], outputs: ['double'] },
    { op: 'Neg', inputs: ['x'], outputs: ['negative'] },
    { op: 'Identity', inputs: ['ids'], outputs: ['sameIds'] },
  ],
  initializers: [{ name: 'two', shape: [1], data: Float32Array.of(2) }],
};
const model = writeOnnx(graph);
const floats = (values: number[]): Tensor => ({
  type: 'float32',
  shape: [values.length / 3, 3],
  data: Float32Array.from(values),
});
const longs = (values: bigint[]): Tensor => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values),
});

export function describeSession(name: string, openSession: OpenSession): void {
  describe(name, () => {
    it('declares its inputs and outputs with open dimensions by name', async () => {
      const session = await openSession(model);
      expect(session.inputs).toEqual([
        { name: 'x', type: 'float32', shape: ['batch', 3] },
        { name: 'ids', type: 'int64', shape: ['batch'] },
      ]);
      expect(session.outputs.map((output) => output.name)).toEqual(['double', 'negative', 'sameIds']);
      await session.close();
    });

    it('computes all outputs, or those asked for', async () => {
      const session = await openSession(model);
      const all = await session.run({ x: floats([1, 2, 3]), ids: longs([9_007_199_254_740_993n]) });
      expect(all).toEqual({
        double: { type: 'float32', shape: [1, 3], data: Float32Array.of(2, 4, 6) },
        negative: { type: 'float32', shape: [1, 3], data: Float32Array.of(-1, -2, -3) },
        sameIds: { type: 'int64', shape: [1], data: BigInt64Array.of(9_007_199_254_740_993n) },
      });
      const one = await session.run({ x: floats([1, 2, 3]), ids: longs([1n]) }, ['negative']);
      expect(Object.keys(one)).toEqual(['negative']);
      await session.close();
    });

    it('answers overlapping runs each with its own result', async () => {
      const session = await openSession(model);
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          session.run({ x: floats([i, i, i]), ids: longs([BigInt(i)]) }, ['double']),
        ),
      );
      expect(results.map((result) => result.double?.data[0])).toEqual(Array.from({ length: 40 }, (_, i) => 2 * i));
      await session.close();
    });

    it('leaves the rest of a buffer alone when a tensor is a view into it', async () => {
      const session = await openSession(model);
      const shared = Float32Array.of(1, 2, 3, 4, 5, 6);
      const x: Tensor = { type: 'float32', shape: [1, 3], data: shared.subarray(3) };
      const { double } = await session.run({ x, ids: longs([0n]) }, ['double']);
      expect(double?.data).toEqual(Float32Array.of(8, 10, 12));
      expect(shared).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
      await session.close();
    });

    it('says what was wrong with a run and keeps working', async () => {
      const session = await openSession(model);
      const wrong = session.run({ x: { ...floats([1, 2, 3]), shape: [3] }, ids: longs([0n]) });
      await expect(wrong).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('rank') });
      await expect(session.run({ x: floats([1, 2, 3]), ids: longs([0n]) })).resolves.toBeDefined();
      await session.close();
    });

    it('finishes the runs under way when it is closed, and refuses later ones', async () => {
      const session = await openSession(model);
      const running = Array.from({ length: 5 }, () =>
        session.run({ x: floats([1, 2, 3]), ids: longs([0n]) }, ['double']),
      );
      const closing = session.close();
      await expect(session.run({ x: floats([1, 2, 3]), ids: longs([0n]) })).rejects.toMatchObject({ code: 'internal' });
      for (const result of await Promise.all(running)) expect(result.double?.data[1]).toBe(4);
      await closing;
      await session.close();
    });

    it('refuses what is not ONNX, and graphs that ONNX Runtime refuses, with a reason', async () => {
      await expect(openSession(Buffer.from([0x80, 0x02, 0x63, 0x6f, 0x73]))).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining('pickle'),
      });
      const unknownOperator = writeOnnx({
        ...graph,
        outputs: graph.outputs.slice(0, 1),
        nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['double'] }],
      });
      await expect(openSession(unknownOperator)).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining('Frobnicate'),
      });
    });

    it('does not fall back unseen when the accelerator that it was told to use is not there', async () => {
      const absent = process.platform === 'win32' ? 'coreml' : 'dml';
      await expect(openSession(model, { executionProviders: [absent, 'cpu'] })).rejects.toMatchObject({
        code: 'internal',
        message: expect.stringContaining(`there is no execution provider ${absent}`),
      });
    });
  });
}
