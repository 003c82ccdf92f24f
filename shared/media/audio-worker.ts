/** The program of a decoding worker: one request in, one reply out. Started by `decode-audio.ts`. */

import { parentPort } from 'node:worker_threads';
import { toChiasmError } from '#shared/core/errors.ts';
import type { AudioReply, AudioRequest } from './decode-audio.ts';
import { decodeSamples } from './decode-samples.ts';

const port = parentPort;
if (port === null) throw new Error('audio-worker.ts runs only as a worker thread');

// What the decoders print of damaged files is dropped: their errors come back as values, and the program's output is its
// log. Not by reading the worker's output in the program: a worker that is read from keeps the process alive.
const drop = (): boolean => true;
process.stdout.write = drop;
process.stderr.write = drop;

port.on('message', async ({ bytes, format, options }: AudioRequest) => {
  try {
    const audio = await decodeSamples(bytes, format, options);
    port.postMessage({ audio } satisfies AudioReply, [audio.samples.buffer as ArrayBuffer]);
  } catch (thrown) {
    const { code, message } = toChiasmError(thrown);
    port.postMessage({ failure: { code, message } } satisfies AudioReply);
  }
});
