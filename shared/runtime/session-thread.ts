/** The thread of one `ThreadedSession`: opens the model that it is given and answers runs one after the other. */

import { parentPort, workerData } from 'node:worker_threads';
import { createOnnxSession } from './onnx-session.ts';
import { type ThreadReply, type ThreadRequest, type ThreadTask, toPlainError } from './session-messages.ts';

const port = parentPort;
if (!port) throw new Error('session-thread.ts runs as a worker thread of threaded-session.ts only');
const reply = (message: ThreadReply): void => port.postMessage(message);

try {
  const { model, options } = workerData as ThreadTask; // written by threaded-session.ts, in the same program
  const session = await createOnnxSession(model, options);
  port.on('message', async (request: ThreadRequest) => {
    if (request.kind === 'close') {
      await session.close();
      port.close();
      return;
    }
    try {
      const outputs = await session.run(request.inputs, request.outputs);
      reply({ kind: 'done', id: request.id, outputs });
    } catch (error) {
      reply({ kind: 'failed', id: request.id, error: toPlainError(error) });
    }
  });
  reply({ kind: 'opened', inputs: session.inputs, outputs: session.outputs });
} catch (error) {
  reply({ kind: 'refused', error: toPlainError(error) });
  port.close();
}
