/** How good the index is, and what is in it twice. */

import { createRoute, z } from '@hono/zod-openapi';
import { parseFilter } from '#shared/catalog/parse-filter.ts';
import { findSetDuplicates } from '#shared/spaces/find-set-duplicates.ts';
import { measureSetRecall } from '#shared/spaces/measure-set-recall.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { type LastRecall, recallSchema } from '../last-recall.ts';
import { decodeListCursor, encodeListCursor } from '../list-cursor.ts';
import { filterSchema, jsonAnswer, jsonBody, limitQuery, problemAnswer, strictQuery } from '../schemas/common.ts';

const postRecall = createRoute({
  method: 'post',
  path: '/v1/recall',
  tags: ['Search'],
  summary: 'Compare the live index with the exact answer',
  request: {
    body: jsonBody(
      z
        .strictObject({
          filter: filterSchema.optional(),
          samples: z.int().min(1).max(1_000).default(100),
          k: z.int().min(1).max(100).default(10),
        })
        .openapi('RecallRequest'),
    ),
  },
  responses: {
    200: jsonAnswer(recallSchema.openapi('Recall'), 'Recall@k over the samples.'),
    ...problemAnswer,
  },
});

const getDuplicates = createRoute({
  method: 'get',
  path: '/v1/duplicates',
  tags: ['Items'],
  summary: 'Groups of items that are the same or nearly',
  request: {
    query: strictQuery({
      kind: z.enum(['exact', 'reencoded', 'similar']).default('exact'),
      limit: limitQuery,
      cursor: z.string().min(1).max(4_000).optional(),
    }),
  },
  responses: {
    200: jsonAnswer(
      z
        .object({
          groups: z.array(
            z.object({
              kind: z.enum(['exact', 'reencoded', 'similar']),
              items: z.array(z.object({ key: z.string(), similarity: z.number() })),
            }),
          ),
          nextCursor: z.string().optional(),
        })
        .openapi('Duplicates'),
      'A page of groups.',
    ),
    ...problemAnswer,
  },
});

export function registerQualityRoutes(app: ApiApp, deps: AppDependencies, lastRecall: LastRecall): void {
  app.openapi(postRecall, async (c) => {
    const { filter: json, samples, k } = c.req.valid('json');
    const filter = parseFilter(json, '/filter');
    const options = { ...(filter === undefined ? {} : { filter }), samples, k };
    const estimate = await measureSetRecall(deps.spaces.members, options);
    if (filter === undefined) lastRecall.note(estimate, deps.clock.now());
    return c.json({ ...estimate, confidenceInterval: [...estimate.confidenceInterval] }, 200);
  });

  app.openapi(getDuplicates, async (c) => {
    const { kind, limit, cursor } = c.req.valid('query');
    const after = cursor === undefined ? {} : { cursor: decodeListCursor(cursor) };
    const { groups, nextCursor } = await findSetDuplicates(deps.spaces, { kind, limit, ...after });
    const body = {
      groups: groups.map((group) => ({ kind: group.kind, items: group.items.map((item) => ({ ...item })) })),
      ...(nextCursor === undefined ? {} : { nextCursor: encodeListCursor(nextCursor) }),
    };
    return c.json(body, 200);
  });
}
