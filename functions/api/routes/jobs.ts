/** Long tasks: look at them, follow them, cancel them. */

import { createRoute, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { isEnded, type Job } from '#shared/jobs/job.ts';
import { noSuchJob } from '#shared/jobs/job-store.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { decodeListCursor, encodeListCursor } from '../list-cursor.ts';
import { jsonAnswer, limitQuery, problemAnswer, strictQuery } from '../schemas/common.ts';
import { jobAnswerSchema, toWireJob } from '../schemas/jobs.ts';

/** How often a followed record is looked at. */
const FOLLOW_EVERY_MS = 300;
/** Proxies close a stream that is silent for a minute. */
const KEEP_ALIVE_MS = 15_000;

const idParameter = z.object({
  id: z.string().openapi({ param: { name: 'id', in: 'path', required: true }, example: '01JD0000000000000000000000' }),
});

const listJobs = createRoute({
  method: 'get',
  path: '/v1/jobs',
  tags: ['Jobs'],
  summary: 'Jobs, the newest first',
  request: { query: strictQuery({ limit: limitQuery, cursor: z.string().min(1).max(4_000).optional() }) },
  responses: {
    200: jsonAnswer(
      z.object({ jobs: z.array(jobAnswerSchema), nextCursor: z.string().optional() }).openapi('JobList'),
      'A page of jobs.',
    ),
    ...problemAnswer,
  },
});

const getJob = createRoute({
  method: 'get',
  path: '/v1/jobs/{id}',
  tags: ['Jobs'],
  summary: 'One job with its progress and losses',
  request: { params: idParameter },
  responses: { 200: jsonAnswer(jobAnswerSchema, 'The job.'), ...problemAnswer },
});

const followJob = createRoute({
  method: 'get',
  path: '/v1/jobs/{id}/events',
  tags: ['Jobs'],
  summary: 'Follow a job until it ends',
  description:
    'Server-sent events: `job` is the job without its curve whenever it changed, `point` one point of the curve. The id of an event is that of the newest point; a client that reconnects with `Last-Event-ID` gets only what came after. The stream ends with the job; in AWS after two minutes too, and an `EventSource` then reconnects by itself.',
  request: { params: idParameter },
  responses: {
    200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
    ...problemAnswer,
  },
});

const deleteJob = createRoute({
  method: 'delete',
  path: '/v1/jobs/{id}',
  tags: ['Jobs'],
  summary: 'Cancel a job, or forget one that has ended',
  request: { params: idParameter },
  responses: {
    202: jsonAnswer(jobAnswerSchema, 'It is cancelled, or will be in a moment.'),
    204: { description: 'It had ended; its record is gone.' },
    ...problemAnswer,
  },
});

export function registerJobRoutes(app: ApiApp, deps: AppDependencies): void {
  const find = async (id: string): Promise<Job> => {
    const job = await deps.jobs.get(id);
    if (job === undefined) throw noSuchJob(id);
    return job;
  };

  app.openapi(listJobs, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const before = cursor === undefined ? {} : { before: decodeListCursor(cursor) };
    const found = await deps.jobs.list({ limit: limit + 1, ...before });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const more = found.length > limit && last !== undefined ? { nextCursor: encodeListCursor(last.id) } : {};
    return c.json({ jobs: page.map((job) => toWireJob(job, { curve: false })), ...more }, 200);
  });

  app.openapi(getJob, async (c) => c.json(toWireJob(await find(c.req.valid('param').id)), 200));

  app.openapi(deleteJob, async (c) => {
    const { id } = c.req.valid('param');
    if (isEnded(await find(id))) {
      await deps.jobs.remove(id);
      return c.body(null, 204);
    }
    return c.json(toWireJob(await deps.jobs.cancel(id)), 202);
  });

  app.openapi(followJob, async (c) => {
    const { id } = c.req.valid('param');
    const first = await find(id);
    const lastEvent = Number(c.req.header('last-event-id') ?? 0);
    c.header('cache-control', 'no-store');
    const untilMs = deps.clock.now() + deps.limits.followMs;
    return streamSSE(c, async (stream) => {
      let seen = Number.isFinite(lastEvent) ? lastEvent : 0;
      let shown = '';
      let silentMs = 0;
      for (let job: Job | undefined = first; job !== undefined && !stream.aborted; job = await deps.jobs.get(id)) {
        for (const { at, values } of job.curve.filter((point) => point.at > seen)) {
          seen = at;
          await stream.writeSSE({ event: 'point', id: String(at), data: JSON.stringify({ at, values }) });
        }
        const state = JSON.stringify(toWireJob(job, { curve: false }));
        silentMs = state === shown ? silentMs + FOLLOW_EVERY_MS : 0;
        if (state !== shown) await stream.writeSSE({ event: 'job', id: String(seen), data: state });
        shown = state;
        if (isEnded(job) || deps.clock.now() >= untilMs) return;
        if (silentMs >= KEEP_ALIVE_MS) {
          silentMs = 0;
          await stream.write(': still there\n\n');
        }
        await stream.sleep(FOLLOW_EVERY_MS);
      }
    }) as never;
  });
}
