/** A real HTTP server that serves files well, until a test tells it what to do with the next requests. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer {
  readonly url: string;
  /** By path, without the leading slash. */
  readonly files: Map<string, Uint8Array>;
  /** Answers of the next requests for files, first come first served; then the server behaves again. */
  readonly next: ((request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) => void)[];
  /** Every request, as `PATH RANGE`. */
  readonly log: string[];
  close(): Promise<void>;
}

export async function startFileServer(files: Iterable<readonly [string, Uint8Array]> = []): Promise<FileServer> {
  const state = { files: new Map(files), next: [] as FileServer['next'], log: [] as string[] };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    state.log.push(`${path} ${request.headers.range ?? ''}`.trim());
    const bytes = state.files.get(path);
    const answer = state.next.shift();
    if (bytes === undefined) response.writeHead(404).end();
    else if (answer) answer(request, response, bytes);
    else serve(request, response, bytes);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    ...state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

export const etagOf = (bytes: Uint8Array): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

/** The file, or the range that is asked for, when it is still the same file. */
export function serve(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const etag = etagOf(bytes);
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
  const condition = request.headers['if-range'];
  if (Number.isNaN(from) || (condition !== undefined && condition !== etag)) {
    response.writeHead(200, { etag, 'content-length': bytes.length, 'accept-ranges': 'bytes' }).end(bytes);
  } else if (from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  } else {
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag, 'content-range': range, 'content-length': bytes.length - from });
    response.end(bytes.subarray(from));
  }
}

/** Declares the whole file, sends `share` of what is asked for, and breaks off once that has arrived in `part`. */
export const dropAfter =
  (share: number, part: string) =>
  (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = from + Math.ceil((bytes.length - from) * share);
    const headers = { etag: etagOf(bytes), 'content-length': bytes.length - from };
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    if (from > 0) response.writeHead(206, { ...headers, 'content-range': range });
    else response.writeHead(200, headers);
    response.write(bytes.subarray(from, end));
    const timer = setInterval(async () => {
      const stats = await stat(part).catch(() => undefined);
      if ((stats?.size ?? 0) < end) return;
      clearInterval(timer);
      response.destroy();
    }, 5);
    response.once('close', () => clearInterval(timer));
  };
