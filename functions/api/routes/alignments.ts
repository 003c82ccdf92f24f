/** Bridges between spaces: train one on pairs, look at it, remove it. */

import { createRoute, z } from '@hono/zod-openapi';
import { alignmentDescriptionSchema } from '#shared/alignments/alignment-store.ts';
import { trainAlignmentSchema } from '#shared/alignments/train-alignment-job.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { requireDataset } from '../require-dataset.ts';
import { jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import { jobAnswerSchema, toWireJob } from '../schemas/jobs.ts';

const nameParameter = z.object({
  name: z.string().openapi({ param: { name: 'name', in: 'path', required: true }, example: 'sound-to-picture' }),
});

const alignmentSchema = alignmentDescriptionSchema.omit({ training: true }).openapi('Alignment');

const train = createRoute({
  method: 'post',
  path: '/v1/alignments',
  tags: ['Alignments'],
  summary: 'Train a bridge between two spaces on pairs',
  description:
    'The data set is an object of JSON lines, `{"from": {"audio": key}, "to": {"image": key}}`, each side one of `image`, `audio`, `text`. A job; its metrics are retrieval in either direction and the total correlation on pairs that were held out.',
  request: { body: jsonBody(z.strictObject(trainAlignmentSchema.shape).openapi('TrainAlignment')) },
  responses: { 202: jsonAnswer(z.object({ job: jobAnswerSchema }), 'The job.'), ...problemAnswer },
});

const list = createRoute({
  method: 'get',
  path: '/v1/alignments',
  tags: ['Alignments'],
  summary: 'Trained alignments',
  responses: {
    200: jsonAnswer(z.object({ alignments: z.array(alignmentSchema) }).openapi('AlignmentList'), 'All of them.'),
    ...problemAnswer,
  },
});

const get = createRoute({
  method: 'get',
  path: '/v1/alignments/{name}',
  tags: ['Alignments'],
  summary: 'An alignment with its recipe and metrics',
  request: { params: nameParameter },
  responses: { 200: jsonAnswer(alignmentSchema, 'The alignment.'), ...problemAnswer },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/alignments/{name}',
  tags: ['Alignments'],
  summary: 'Remove an alignment',
  request: { params: nameParameter },
  responses: { 204: { description: 'Removed.' }, ...problemAnswer },
});

export function registerAlignmentRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(train, async (c) => {
    const request = c.req.valid('json');
    await requireDataset(deps, request.dataset);
    return c.json({ job: toWireJob(await deps.jobs.submit('alignment', request)) }, 202);
  });

  app.openapi(list, async (c) => c.json({ alignments: [...(await deps.alignments.list())] }, 200));

  app.openapi(get, async (c) => c.json(await deps.alignments.describe(c.req.valid('param').name), 200));

  app.openapi(remove, async (c) => {
    await deps.alignments.remove(c.req.valid('param').name);
    return c.body(null, 204);
  });
}
