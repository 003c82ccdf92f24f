import { expect, it } from 'vitest';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { writeOnnx } from '#shared/runtime/write-onnx.ts';
import { describeSession } from './session-contract.ts';

describeSession('a session in a thread of its own', createThreadedSession);

it('leaves the event loop free while the graph is computed', async () => {
  const size = 1024;
  const session = await createThreadedSession(
    writeOnnx({
      inputs: [{ name: 'x', type: 'float32', shape: [size, size] }],
      outputs: [{ name: 'y', type: 'float32', shape: [size, size] }],
      nodes: [
        { op: 'MatMul', inputs: ['x', 'x'], outputs: ['x2'] },
        { op: 'MatMul', inputs: ['x2', 'x2'], outputs: ['x4'] },
        { op: 'MatMul', inputs: ['x4', 'x4'], outputs: ['x8'] },
        { op: 'MatMul', inputs: ['x8', 'x8'], outputs: ['y'] },
      ],
      initializers: [],
    }),
    { threads: 1 },
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const data = new Float32Array(size * size).fill(1e-3);
  await session.run({ x: { type: 'float32', shape: [size, size], data } });
  clearInterval(timer);
  await session.close();
  expect(turns).toBeGreaterThan(2);
});
