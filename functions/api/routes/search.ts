/** Search, as a body and as a link. */

import { createRoute } from '@hono/zod-openapi';
import type { SearchRequest } from '#shared/search/query.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiMetrics } from '../api-metrics.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import {
  searchAnswerSchema,
  searchQuerySchema,
  searchRequestSchema,
  toSearchRequest,
  toWireAnswer,
} from '../schemas/search.ts';

const postSearch = createRoute({
  method: 'post',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by words, pictures, sounds and items, alone or weighted together',
  request: { body: jsonBody(searchRequestSchema) },
  responses: { 200: jsonAnswer(searchAnswerSchema, 'The best matches first.'), ...problemAnswer },
});

const getSearch = createRoute({
  method: 'get',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by words in a link; the same as the POST with a plain text query',
  request: { query: searchQuerySchema },
  responses: { 200: jsonAnswer(searchAnswerSchema, 'The best matches first.'), ...problemAnswer },
});

export function registerSearchRoutes(app: ApiApp, deps: AppDependencies, metrics: ApiMetrics): void {
  const answer = async (request: SearchRequest) => {
    const found = await deps.search.search(request);
    metrics.searched(found.tookMs);
    return toWireAnswer(found);
  };

  app.openapi(postSearch, async (c) => {
    const request = toSearchRequest(c.req.valid('json'), deps.limits);
    return c.json(await answer(request), 200);
  });

  app.openapi(getSearch, async (c) => {
    const { q, modality, ...rest } = c.req.valid('query');
    const request = toSearchRequest(
      { ...rest, query: q, ...(modality ? { modalities: [modality] } : {}) },
      deps.limits,
    );
    return c.json(await answer(request), 200);
  });
}
