/**
 * The runtime API of AWS Lambda for tests: hands events to the process of one function, one at a time, and takes its answers.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (and "custom runtime response streaming")
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LambdaAnswer {
  readonly requestId: string;
  /** The payload of a buffered answer, or the body of a streamed one. */
  readonly body: Buffer;
  /** What stands before the body of a streamed HTTP answer. */
  readonly prelude?: { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };
}

export interface InvokeOptions {
  /** @default 60 seconds */
  readonly timeoutMs?: number;
  /** Called with each piece of the answer as it comes. */
  readonly onChunk?: (chunk: Buffer) => void;
}

export interface LambdaRuntime {
  /** For `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /** @throws Error with what the function reported, or when it did not start */
  invoke(event: unknown, options?: InvokeOptions): Promise<LambdaAnswer>;
  /** The process is gone: whatever is invoked fails. */
  fail(reason: string): void;
  close(): void;
}

interface Invocation {
  readonly id: string;
  readonly event: unknown;
  readonly deadlineMs: number;
  readonly onChunk: (chunk: Buffer) => void;
  readonly answered: PromiseWithResolvers<LambdaAnswer>;
}

const PATH = '/2018-06-01/runtime/';

export async function startLambdaRuntime(): Promise<LambdaRuntime> {
  const waiting: Invocation[] = [];
  const working = new Map<string, Invocation>();
  let wake: (() => void) | undefined;
  let broken: Error | undefined;

  const server = createServer((incoming, outgoing) => {
    respond(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = (incoming.url ?? '').slice(PATH.length);
    if (path === 'invocation/next') return giveNext(outgoing);
    const [, id = '', kind] = path.split('/');
    const invocation = working.get(id);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      invocation?.onChunk(chunk);
    }
    const body = Buffer.concat(chunks);
    outgoing.writeHead(202).end('{"status":"OK"}');
    if (path === 'init/error') return fail(new Error(`the function did not start: ${body}`));
    working.delete(id);
    if (kind === 'error') invocation?.answered.reject(new Error(`the function failed: ${body}`));
    else invocation?.answered.resolve({ requestId: id, ...splitPrelude(incoming, body) });
  }

  async function giveNext(outgoing: ServerResponse): Promise<void> {
    while (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        outgoing.once('close', resolve);
      });
      if (outgoing.destroyed) return; // the process is gone
    }
    const invocation = waiting.shift()!;
    working.set(invocation.id, invocation);
    const headers = {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': invocation.id,
      'lambda-runtime-deadline-ms': String(invocation.deadlineMs),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-central-1:111122223333:function:test',
      'lambda-runtime-trace-id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1',
    };
    outgoing.writeHead(200, headers).end(JSON.stringify(invocation.event));
  }

  function fail(error: Error): void {
    broken = error;
    for (const { answered } of [...waiting, ...working.values()]) answered.reject(error);
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke: async (event, { timeoutMs = 60_000, onChunk = () => {} } = {}) => {
      if (broken !== undefined) throw broken;
      const deadlineMs = Date.now() + timeoutMs;
      const answered = Promise.withResolvers<LambdaAnswer>();
      const invocation = { id: randomUUID(), event, deadlineMs, onChunk, answered };
      waiting.push(invocation);
      wake?.();
      return invocation.answered.promise;
    },
    fail: (reason) => fail(new Error(reason)),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A streamed HTTP answer begins with JSON and eight zero bytes. */
function splitPrelude({ headers }: IncomingMessage, body: Buffer): Pick<LambdaAnswer, 'body' | 'prelude'> {
  if (headers['lambda-runtime-function-response-mode'] !== 'streaming') return { body };
  const end = body.indexOf(Buffer.alloc(8));
  if (end === -1) return { body };
  return { prelude: JSON.parse(body.subarray(0, end).toString()), body: body.subarray(end + 8) };
}
