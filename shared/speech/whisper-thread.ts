/** The thread of one Whisper model, started by `whisper-speech-to-text.ts`: one request in, one reply out. */

import { parentPort, workerData } from 'node:worker_threads';
import { toPlainError } from '#shared/runtime/session-messages.ts';
import type { SpeechToText } from './speech-to-text.ts';
import { loadWhisper } from './whisper.ts';
import type { WhisperReply, WhisperRequest, WhisperThread } from './whisper-speech-to-text.ts';

const port = parentPort;
if (port === null) throw new Error('whisper-thread.ts runs only as a worker thread');
let model: Promise<SpeechToText> | undefined;

port.on('message', async (request: WhisperRequest) => {
  try {
    const { folder, stopped } = workerData as WhisperThread; // from the same program
    model ??= loadWhisper(folder, () => Atomics.load(stopped, 0) === 1);
    const { transcribe, close, ...opened } = await model;
    if (request === 'open') port.postMessage({ opened } satisfies WhisperReply);
    else port.postMessage({ transcript: await transcribe(request.samples) } satisfies WhisperReply);
  } catch (thrown) {
    port.postMessage({ failure: toPlainError(thrown) } satisfies WhisperReply);
  }
});
