/** Questions about pictures and about the collection; captions. */

import { createRoute } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { bytesOf } from '#shared/answer/answer.ts';
import type { ContentSource } from '#shared/search/query.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { problemOfThrown } from '../problem.ts';
import {
  answerRequestSchema,
  answerSchema,
  captionRequestSchema,
  captionSchema,
  toAnswerRequest,
  toWireAnswer,
} from '../schemas/answers.ts';
import { jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import { toContentSource } from '../schemas/search.ts';

const answerJson = jsonAnswer(answerSchema, 'The answer with its evidence, or null with the best guesses.');

const answer = createRoute({
  method: 'post',
  path: '/v1/answer',
  tags: ['Questions'],
  summary: 'Answer a typed or spoken question about a picture or about the collection',
  description:
    'With `accept: text/event-stream` the answer comes as events: `text` {text} for each piece that a generative model writes, then `answer`, or `problem`.',
  request: { body: jsonBody(answerRequestSchema) },
  responses: {
    200: { ...answerJson, content: { ...answerJson.content, 'text/event-stream': { schema: { type: 'string' } } } },
    ...problemAnswer,
  },
});

const captions = createRoute({
  method: 'post',
  path: '/v1/captions',
  tags: ['Questions'],
  summary: 'Describe a picture in one sentence',
  request: { body: jsonBody(captionRequestSchema) },
  responses: { 200: jsonAnswer(captionSchema, 'The caption; `model` says how it was made.'), ...problemAnswer },
});

export function registerAnswerRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(answer, async (c) => {
    const wire = c.req.valid('json');
    const ask = async (onText?: (text: string) => void, signal?: AbortSignal) => {
      const heard = typeof wire.question === 'string' ? wire.question : await hear(deps, wire.question.audio);
      const request = toAnswerRequest(wire, heard, deps.limits);
      const answered = await deps.answerer.answer({ ...request, ...(onText && { onText }), ...(signal && { signal }) });
      return toWireAnswer(answered);
    };
    if (!/\btext\/event-stream\b/.test(c.req.header('accept') ?? '')) return c.json(await ask(), 200);

    const stopping = new AbortController();
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => stopping.abort());
      const send = (event: string, data: unknown) => stream.writeSSE({ event, data: JSON.stringify(data) });
      try {
        await send('answer', await ask((text) => void send('text', { text }), stopping.signal));
      } catch (thrown) {
        if (stopping.signal.aborted) return;
        const problem = problemOfThrown(c, thrown, (error) => {
          deps.log.error('api.fault', { requestId: c.get('requestId'), path: c.req.path, error });
        });
        await send('problem', await problem.json());
      }
    });
  });

  app.openapi(captions, async (c) => {
    const image = await bytesOfSource(deps, toContentSource(c.req.valid('json').image));
    const { captioner } = deps;
    return c.json({ ...(await captioner.caption({ image })), model: captioner.name }, 200);
  });
}

async function hear(deps: AppDependencies, wire: Parameters<typeof toContentSource>[0]): Promise<string> {
  return (await deps.transcribe(await bytesOfSource(deps, toContentSource(wire)))).text;
}

async function bytesOfSource(deps: AppDependencies, source: ContentSource): Promise<Uint8Array> {
  return source.kind === 'data' ? source.bytes : bytesOf(deps, source.key);
}
