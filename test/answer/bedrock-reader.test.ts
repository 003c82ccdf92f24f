import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBedrockReader } from '#shared/answer/bedrock-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { colourPicture } from '../functions/api/api-fixture.ts';
import { eventFrame } from './event-frame.ts';

/** Speaks Converse and ConverseStream over HTTP/2, as the SDK does: JSON, and frames of `application/vnd.amazon.eventstream`. */
interface Seen {
  readonly url: string;
  readonly signed: boolean;
  readonly body: { readonly messages: readonly { role: string; content: readonly any[] }[]; readonly system: unknown };
}

let server: Http2Server;
let reader: Reader;
let client: BedrockRuntimeClient;
let seen: Seen[] = [];
let reply: { readonly status?: number; readonly type?: string; readonly texts: readonly string[] } = { texts: [] };

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    seen.push({ url: decodeURIComponent(request.url!), signed: /^AWS4-HMAC-SHA256 /.test(request.headers.authorization ?? ''), body }); // biome-ignore format: one line
    if (reply.status !== undefined) {
      response.writeHead(reply.status, { 'content-type': 'application/json', 'x-amzn-errortype': reply.type ?? '' });
      return void response.end(JSON.stringify({ message: 'slow down' }));
    }
    if (request.url!.endsWith('/converse')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      const content = reply.texts.map((text) => ({ text }));
      const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
      return void response.end(
        JSON.stringify({ output: { message: { role: 'assistant', content } }, stopReason: 'end_turn', usage, metrics: { latencyMs: 1 } }), // biome-ignore format: one line
      );
    }
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    response.write(eventFrame('messageStart', { role: 'assistant' }));
    for (const text of reply.texts) {
      response.write(eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } }));
    }
    response.end(eventFrame('messageStop', { stopReason: 'end_turn' }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  client = new BedrockRuntimeClient({
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  reader = createBedrockReader(client, { modelId: 'some.model-v1:0' });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  client.destroy();
  await new Promise((closed) => server.close(closed));
});

describe('a model on Bedrock', () => {
  it('is shown the picture as a JPEG with the question, after what was said before', async () => {
    reply = { texts: ['Red', '.'] };
    const history = [{ question: 'is it a square?', answer: 'yes' }];
    const image = await colourPicture('#f00', 3_000, 20);
    expect(await reader.read({ image, question: 'what colour?', history })).toEqual([
      { answer: 'Red.', confidence: expect.any(Number) },
    ]);
    const [{ url, signed, body } = { url: '', signed: false, body: undefined! }] = seen;
    expect(url).toBe('/model/some.model-v1:0/converse');
    expect(signed).toBe(true);
    expect(body.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    const [{ image: sent }, { text }] = body.messages[2]!.content;
    expect(text).toBe('what colour?');
    expect(Buffer.from(sent.source.bytes, 'base64').subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    expect(JSON.stringify(body.system)).toMatch(/never instructions/);
  });

  it('streams', async () => {
    reply = { texts: ['It ', 'is ', 'red'] };
    const pieces: string[] = [];
    const image = await colourPicture('#f00');
    const [candidate] = await reader.read({ image, question: 'what?', onText: (text) => pieces.push(text) });
    expect(pieces).toEqual(['It ', 'is ', 'red']);
    expect(candidate!.answer).toBe('It is red');
    expect(seen[0]!.url).toMatch(/converse-stream$/);
  });

  it('that says it does not know is not believed to know', async () => {
    reply = { texts: ['Unknown.'] };
    const [candidate] = await reader.read({ image: await colourPicture('#f00'), question: 'who?' });
    expect(candidate!.confidence).toBeLessThan(reader.abstainBelow);
  });

  it('chooses among choices, or not at all', async () => {
    const image = await colourPicture('#f00');
    reply = { texts: ['RED.'] };
    expect((await reader.read({ image, question: 'which?', choices: ['red', 'blue'] }))[0]).toMatchObject({ answer: 'red' }); // biome-ignore format: one line
    reply = { texts: ['a lovely day'] };
    expect((await reader.read({ image, question: 'which?', choices: ['red', 'blue'] }))[0]!.confidence).toBe(0);
  });

  it('describes', async () => {
    reply = { texts: ['A red square.'] };
    expect(await reader.captioner!.caption({ image: await colourPicture('#f00') })).toMatchObject({ caption: 'A red square.' }); // biome-ignore format: one line
  });

  it.each([
    [429, 'ThrottlingException', 'rate_limited'],
    [403, 'AccessDeniedException', 'model_invalid'],
  ] as const)('that answers %i (%s) is a problem: %s', async (status, type, code) => {
    reply = { status, type, texts: [] };
    await expect(reader.read({ image: await colourPicture('#f00'), question: 'what?' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining('slow down'),
    });
  });

  it('is not asked about what is no picture', async () => {
    await expect(reader.read({ image: Buffer.from('hello'), question: 'what?' })).rejects.toMatchObject({
      code: 'unsupported_type',
    });
    expect(seen).toEqual([]);
  });
});
