/** What the system says of itself: health, statistics, models, metrics. */

import { createRoute, z } from '@hono/zod-openapi';
import { MODALITIES } from '#shared/core/modality.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiMetrics } from '../api-metrics.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { type LastRecall, measuredRecallSchema } from '../last-recall.ts';
import { jsonAnswer, problemAnswer } from '../schemas/common.ts';

const healthSchema = z
  .object({ status: z.enum(['starting', 'ready', 'degraded']), detail: z.string().optional() })
  .openapi('Health');

const countsSchema = z.object({ pending: z.int(), indexed: z.int(), failed: z.int() });

const statsSchema = z
  .object({
    items: countsSchema,
    modalities: z.record(z.string(), z.object({ indexed: z.int(), failed: z.int() })).openapi({
      description: 'Items by modality; `unknown` for failed ones whose type could not be told.',
    }),
    index: z.object({
      generation: z.int(),
      items: z.int(),
      parts: z.int(),
      fresh: z.int(),
      deltas: z.int(),
      degraded: z.string().optional(),
    }),
    recall: measuredRecallSchema.optional(),
    queue: z.object({
      pending: z.int(),
      done: z.int(),
      failed: z.int(),
      dead: z.int(),
      itemsPerSecond: z.number().optional(),
      secondsLeft: z.number().optional(),
    }),
    building: z
      .object({ progress: z.number(), secondsLeft: z.number().optional() })
      .optional()
      .openapi({ description: 'The index of another model that is being built; see `/v1/spaces`.' }),
  })
  .openapi('Stats');

const modelInUseSchema = z.object({
  name: z.string(),
  licence: z.string().optional(),
  description: z.string().optional(),
  metrics: z
    .array(
      z.object({
        name: z.string(),
        value: z.number(),
        low: z.number().optional(),
        high: z.number().optional(),
        n: z.int().optional(),
      }),
    )
    .readonly()
    .optional()
    .openapi({ description: 'As measured, with the interval of 95 % and the number of examples.' }),
});

const modelsSchema = z
  .object({
    models: z.array(
      modelInUseSchema.extend({
        space: z.object({ id: z.string(), dimensions: z.int() }),
        modalities: z.array(z.string()),
        active: z.boolean(),
        sizeBytes: z.int().optional(),
      }),
    ),
    reader: modelInUseSchema.optional().openapi({ description: 'Answers questions about pictures.' }),
    speech: modelInUseSchema.optional().openapi({ description: 'Writes down what is said in sounds.' }),
  })
  .openapi('Models');

const getHealth = createRoute({
  method: 'get',
  path: '/v1/health',
  tags: ['System'],
  summary: 'Whether searches are answered',
  responses: {
    200: jsonAnswer(healthSchema, 'Ready; `degraded` when an older state is served than should be.'),
    503: jsonAnswer(healthSchema, 'Starting.'),
  },
});

const getStats = createRoute({
  method: 'get',
  path: '/v1/stats',
  tags: ['System'],
  summary: 'Items by modality and status, the live generation, the queue',
  responses: { 200: jsonAnswer(statsSchema, 'Now.'), ...problemAnswer },
});

const getModels = createRoute({
  method: 'get',
  path: '/v1/models',
  tags: ['System'],
  summary: 'Models that are there and the one in use',
  responses: { 200: jsonAnswer(modelsSchema, 'Models.'), ...problemAnswer },
});

const getMetrics = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['System'],
  summary: 'Metrics for Prometheus',
  responses: { 200: { description: 'Text format 0.0.4.', content: { 'text/plain': { schema: z.string() } } } },
});

export function registerSystemRoutes(
  app: ApiApp,
  deps: AppDependencies,
  metrics: ApiMetrics,
  lastRecall: LastRecall,
): void {
  app.openapi(getHealth, (c) => {
    const { status, detail } = deps.health();
    const body = { status, ...(detail === undefined ? {} : { detail }) };
    c.header('cache-control', 'no-store');
    return status === 'starting' ? c.json(body, 503) : c.json(body, 200);
  });

  app.openapi(getStats, (c) => c.json(readStats(deps, lastRecall), 200));

  app.openapi(getModels, (c) => {
    const models = deps.models().map((model) => ({
      ...model,
      space: { id: model.space.id, dimensions: model.space.dimensions },
      modalities: [...model.modalities],
    }));
    return c.json({ models, ...deps.answering }, 200);
  });

  app.openapi(getMetrics, (c) => {
    c.header('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    return c.body(metrics.text(), 200) as never;
  });
}

function readStats(deps: AppDependencies, lastRecall: LastRecall): z.infer<typeof statsSchema> {
  const { generation, items, parts, freshParts, deltas, counts, degraded } = deps.spaces.items.statistics();
  const queue = deps.ingest.backlog();
  const building = deps.modelChange?.progress();
  const modalities: Record<string, { indexed: number; failed: number }> = {};
  for (const name of [...MODALITIES, 'unknown']) modalities[name] = { indexed: 0, failed: 0 };
  const total = { pending: queue.pending, indexed: 0, failed: 0 };
  for (const { modality, status, items: count } of counts) {
    modalities[modality ?? 'unknown']![status] += count;
    total[status] += count;
  }
  return {
    items: total,
    modalities,
    index: { generation, items, parts, fresh: freshParts, deltas, ...(degraded === undefined ? {} : { degraded }) },
    ...(lastRecall.value === undefined ? {} : { recall: lastRecall.value }),
    queue: { ...queue },
    ...(building && { building: { progress: building.progress, secondsLeft: building.secondsLeft } }),
  };
}
