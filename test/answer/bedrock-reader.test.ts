import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createBedrockReader } from '#shared/answer/bedrock-reader.ts';
import { findReader, openReader } from '#shared/answer/open-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
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

  it.each([
    ['AccessDeniedException', 403, /allow bedrock:InvokeModel/],
    ['UnrecognizedClientException', 403, /aws sso login/],
    ['ExpiredTokenException', 403, /have expired/],
    ['ResourceNotFoundException', 404, /offered in this region/],
    ['ValidationException', 400, /inference profile/],
  ])('says what helps against %s', async (type, status, advice) => {
    reply = { status, type, texts: [] };
    const image = await colourPicture('#f00');
    await expect(reader.read({ image, question: 'what?' })).rejects.toThrow(advice);
  });

  it('is not asked about what is no picture', async () => {
    await expect(reader.read({ image: Buffer.from('hello'), question: 'what?' })).rejects.toMatchObject({
      code: 'unsupported_type',
    });
    expect(seen).toEqual([]);
  });
});

describe('the setting bedrock:MODEL_ID', () => {
  it('is kept as it is where a name is looked for', async () => {
    const id = 'bedrock:eu.some.model-v1:0';
    expect(await findReader(id, { dataFolder: '/nowhere' })).toBe(id);
    await expect(findReader('bedrock:', { dataFolder: '/nowhere' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('chooses a model in the region of the environment, and says that it needs one', async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    const { port } = server.address() as AddressInfo;
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined); // biome-ignore format: one line
    const open = () => openReader('bedrock:some.model-v1:0', { openSession: createOnnxSession });
    await expect(open()).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining('set AWS_REGION') }); // biome-ignore format: one line

    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', `http://127.0.0.1:${port}`);
    const image = await colourPicture('#f00');
    const strange = await open();
    await expect(strange.read({ image, question: 'what?' })).rejects.toThrow(/no credentials of AWS were found/);
    await strange.close();

    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    reply = { texts: ['Red'] };
    const chosen = await open();
    expect(await chosen.read({ image, question: 'what?' })).toMatchObject([{ answer: 'Red' }]);
    expect(seen.at(-1)).toMatchObject({ url: '/model/some.model-v1:0/converse', signed: true });
    await chosen.close();
  });
});
