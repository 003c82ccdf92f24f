/**
 * Runs the handler of a bundle against the runtime API, as AWS's own client does, as far as these tests need it where that
 * one is not installed: `node tiny-runtime-client.mjs FILE.handler`.
 */

import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';

const STREAMING = Symbol.for('streaming handler');
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: true }),
  HttpResponseStream: {
    from: (stream, prelude) => {
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

const [file, name] = process.argv[2].split(/\.(?=\w+$)/);
const handler = (await import(pathToFileURL(`${process.cwd()}/${file}.mjs`)))[name];
for (;;) {
  const next = await fetch(`${base}/invocation/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const deadlineMs = Number(next.headers.get('lambda-runtime-deadline-ms'));
  const event = await next.json();
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadlineMs - Date.now() };
  try {
    if (handler[STREAMING]) await stream(id, (output) => handler(event, output, context));
    else await post(`${id}/response`, JSON.stringify((await handler(event, context)) ?? null));
  } catch (error) {
    await post(`${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: error.message }));
  }
}

function post(path, body) {
  return fetch(`${base}/invocation/${path}`, { method: 'POST', body });
}

function stream(id, work) {
  return new Promise((resolve, reject) => {
    const headers = { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'transfer-encoding': 'chunked' };
    const settings = { method: 'POST', headers, agent: false }; // a kept connection may have been closed meanwhile
    const outgoing = request(`${base}/invocation/${id}/response`, settings, (answer) =>
      answer.resume().once('end', resolve),
    );
    outgoing.once('error', reject);
    const output = new PassThrough();
    output.pipe(outgoing);
    work(output).catch(reject);
  });
}
