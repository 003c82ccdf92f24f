/** What only shows on a real socket: targets that URL parsers would tidy up, clients that break off, headers in bytes. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createFixture, type Fixture, keysUnder } from './api-fixture.ts';

let api: Fixture;
let port = 0;
let server: ReturnType<typeof createServer>;
beforeAll(async () => {
  api = await createFixture();
  server = createServer(getRequestListener(api.app.fetch));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  await api.put('/v1/objects/b', 'the object b', { 'content-type': 'text/plain' });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
});

/** Sends bytes as they are and reads until the server closes. */
async function exchange(head: string, options: { readonly host?: string; readonly body?: string } = {}) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const { host = `127.0.0.1:${port}`, body = '' } = options;
  socket.write(Buffer.from(`${head}\r\nHost: ${host}\r\nConnection: close\r\n\r\n${body}`, 'latin1'));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('latin1');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

describe('a request target', () => {
  it.each([
    '/v1/objects/a/../b',
    '/v1/objects/a/%2e%2e/b',
    '/v1/objects/a/.%2E/b',
    '/v1/objects/./b',
    '/v1/objects/../objects/b',
    '/v1/objects/a%2f..%2fb',
    '/v1/objects/..%2fb',
    '/v1/objects/a\\..\\b',
    '/v1/objects/%ff',
    '/v1/objects/%',
  ])('is refused rather than tidied up: %s', async (target) => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const { status, text } = await exchange(
        `${method} ${target} HTTP/1.1${method === 'PUT' ? '\r\nContent-Length: 0' : ''}`,
      );
      expect([method, status]).toEqual([method, 400]);
      expect(text).not.toContain('the object b');
    }
    expect(await (await api.request('/v1/objects/b')).text()).toBe('the object b');
  });

  it.each([
    'GET /v1/objects/../../../etc/passwd',
    'GET /../../etc/passwd',
    'GET //v1/objects/b',
    'GET /v1/objects/etc/passwd',
  ])('never leads out of the store: %s', async (start) => {
    const { status, text } = await exchange(`${start} HTTP/1.1`);
    expect([400, 404]).toContain(status);
    expect(text).not.toContain('root:');
  });

  it('in the absolute form is checked as well', async () => {
    expect((await exchange(`GET http://127.0.0.1:${port}/v1/objects/b HTTP/1.1`)).status).toBe(200);
    expect((await exchange(`GET http://127.0.0.1:${port}/v1/objects/a/../b HTTP/1.1`)).status).toBe(400);
    expect((await exchange('GET http://evil.example/v1/objects/b HTTP/1.1', { host: 'evil.example' })).status).toBe(
      421,
    );
  });

  it('with another Host is refused', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example']) {
      expect([host, (await exchange('GET /v1/objects/b HTTP/1.1', { host })).status]).toEqual([host, 421]);
    }
  });
});

describe('an upload', () => {
  it('takes attributes in UTF-8 bytes', async () => {
    const attributes = Buffer.from('{"ort":"Köln"}', 'utf8').toString('latin1');
    const head = `PUT /v1/objects/utf8 HTTP/1.1\r\nContent-Length: 1\r\nx-chiasm-attributes: ${attributes}`;
    expect((await exchange(head, { body: 'x' })).status).toBe(201);
    expect((await bodyOf(api.request('/v1/items/utf8'))).attributes).toEqual({ ort: 'Köln' });
  });

  it('that breaks off in the middle leaves nothing', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `PUT /v1/objects/half HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 100)); // until it is being read
    socket.destroy();
    await once(socket, 'close');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await keysUnder(api.mediaStore, 'half')).toEqual([]);
    expect((await exchange('GET /v1/health HTTP/1.1')).status).toBe(200);
  });

  it('may come in chunks', async () => {
    const body = '3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n';
    expect((await exchange('PUT /v1/objects/chunks HTTP/1.1\r\nTransfer-Encoding: chunked', { body })).status).toBe(
      201,
    );
    expect(await (await api.request('/v1/objects/chunks')).text()).toBe('abcdefg');
  });

  it('declared over the limit is refused before its bytes are asked for', async () => {
    const { status } = await exchange('PUT /v1/objects/huge HTTP/1.1\r\nContent-Length: 9000000000');
    expect(status).toBe(413);
  });
});

describe('a download', () => {
  it('is answered in ranges', async () => {
    const { status, text } = await exchange('GET /v1/objects/b HTTP/1.1\r\nRange: bytes=4-9');
    expect(status).toBe(206);
    expect(text).toMatch(/content-range: bytes 4-9\/12/i);
    expect(text).toMatch(/\r\n\r\nobject$/);
  });

  it('that the client leaves does not disturb others', async () => {
    await api.mediaStore.put('large', new Uint8Array(20_000_000));
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET /v1/objects/large HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    expect((await exchange('HEAD /v1/objects/large HTTP/1.1')).text).toMatch(/content-length: 20000000/i);
  });
});
