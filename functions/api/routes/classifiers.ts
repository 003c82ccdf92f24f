/** Classifiers that are taught by examples: train, look at, choose the live version, remove. */

import { createRoute, z } from '@hono/zod-openapi';
import type { ClassifierDescription } from '#shared/classify/classifiers.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { requireDataset } from '../require-dataset.ts';
import {
  classifierListSchema,
  classifierSchema,
  nameParameter,
  promoteRequestSchema,
  toWireClassifier,
  trainRequestSchema,
} from '../schemas/classifiers.ts';
import { jsonAnswer, jsonBody, problemAnswer } from '../schemas/common.ts';
import { jobAnswerSchema, toWireJob } from '../schemas/jobs.ts';

const train = createRoute({
  method: 'post',
  path: '/v1/classifiers',
  tags: ['Classification'],
  summary: 'Train a classifier on a labelled data set',
  description: 'A job; when it succeeds there is a new version of the classifier.',
  request: { body: jsonBody(trainRequestSchema) },
  responses: { 202: jsonAnswer(z.object({ job: jobAnswerSchema }), 'The job.'), ...problemAnswer },
});

const list = createRoute({
  method: 'get',
  path: '/v1/classifiers',
  tags: ['Classification'],
  summary: 'Trained classifiers',
  responses: { 200: jsonAnswer(classifierListSchema, 'All of them.'), ...problemAnswer },
});

const get = createRoute({
  method: 'get',
  path: '/v1/classifiers/{name}',
  tags: ['Classification'],
  summary: 'Versions of a classifier with recipe and metrics',
  request: { params: nameParameter },
  responses: { 200: jsonAnswer(classifierSchema, 'The classifier.'), ...problemAnswer },
});

const promote = createRoute({
  method: 'post',
  path: '/v1/classifiers/{name}/promote',
  tags: ['Classification'],
  summary: 'Make a version live, or go back to the one before',
  request: { params: nameParameter, body: jsonBody(promoteRequestSchema) },
  responses: { 200: jsonAnswer(classifierSchema, 'The classifier.'), ...problemAnswer },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/classifiers/{name}',
  tags: ['Classification'],
  summary: 'Remove a classifier with all of its versions',
  request: { params: nameParameter },
  responses: { 204: { description: 'Removed.' }, ...problemAnswer },
});

export function registerClassifierRoutes(app: ApiApp, deps: AppDependencies): void {
  const withCards = async (description: ClassifierDescription) => {
    const { name, versions } = description;
    const cards = await Promise.all(versions.map((version) => deps.classifiers.card(name, version)));
    return toWireClassifier(description, cards);
  };

  app.openapi(train, async (c) => {
    const request = c.req.valid('json');
    await requireDataset(deps, request.dataset);
    return c.json({ job: toWireJob(await deps.jobs.submit('classifier', request)) }, 202);
  });

  app.openapi(list, async (c) => {
    const classifiers = (await deps.classifiers.list()).map((each) => ({ ...each, versions: [...each.versions] }));
    return c.json({ classifiers }, 200);
  });

  app.openapi(get, async (c) =>
    c.json(await withCards(await deps.classifiers.describe(c.req.valid('param').name)), 200),
  );

  app.openapi(promote, async (c) => {
    const { version } = c.req.valid('json');
    return c.json(await withCards(await deps.classifiers.promote(c.req.valid('param').name, version)), 200);
  });

  app.openapi(remove, async (c) => {
    await deps.classifiers.remove(c.req.valid('param').name);
    return c.body(null, 204);
  });
}
