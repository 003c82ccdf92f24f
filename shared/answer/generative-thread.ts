/** The thread of one generative model, started by `threaded-generative-reader.ts`: one request in, text as it is written, one reply out. */

import { parentPort, workerData } from 'node:worker_threads';
import { toPlainError } from '#shared/runtime/session-messages.ts';
import { loadGenerativeReader } from './generative-reader.ts';
import type { Reader } from './reader.ts';
import type { GenerativeModel, GenerativeReply, GenerativeRequest } from './threaded-generative-reader.ts';

const port = parentPort;
if (port === null) throw new Error('generative-thread.ts runs only as a worker thread');
let loading: Promise<Reader> | undefined;

port.on('message', async (request: GenerativeRequest) => {
  const reply = await replyTo(request);
  port.postMessage(reply);
  if (request.kind === 'open' && 'failure' in reply) port.close(); // the thread ends when all graphs that still load are there
});

async function replyTo(request: GenerativeRequest): Promise<GenerativeReply> {
  try {
    const { folder, modelType } = workerData as GenerativeModel; // from the same program
    loading ??= loadGenerativeReader(folder, modelType);
    const reader = await loading;
    if (request.kind !== 'open') return await write(reader, request);
    const { name, facts, abstainBelow } = reader;
    return { opened: { name, abstainBelow, ...(facts && { facts }) } };
  } catch (thrown) {
    return { failure: toPlainError(thrown) };
  }
}

async function write(
  { read, captioner }: Reader,
  { kind, asked, line, streams }: Exclude<GenerativeRequest, { kind: 'open' }>,
): Promise<GenerativeReply> {
  const stopping = new AbortController();
  line.on('message', () => stopping.abort());
  const onText = (text: string) => line.postMessage(text);
  const request = { ...asked, signal: stopping.signal, ...(streams && { onText }) };
  try {
    return kind === 'read' ? { read: await read(request) } : { caption: await captioner!.caption(request) };
  } finally {
    line.close();
  }
}
