/** Jobs on the wire. */

import { z } from '@hono/zod-openapi';
import { type Job, jobStatusSchema } from '#shared/jobs/job.ts';

const metricsSchema = z.record(z.string(), z.number());

export const jobAnswerSchema = z
  .object({
    id: z.string(),
    kind: z.string().openapi({ example: 'classifier' }),
    status: jobStatusSchema,
    progress: z.number().openapi({ description: '0 to 1.' }),
    metrics: metricsSchema
      .optional()
      .openapi({ description: 'The newest values: losses while it runs, results at its end.' }),
    curve: z
      .array(z.object({ at: z.int(), values: metricsSchema }))
      .optional()
      .openapi({ description: 'Losses on the way, oldest first; only where one job is asked for.' }),
    failure: z
      .object({
        code: z.string(),
        message: z.string(),
        issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
      })
      .optional(),
    request: z.unknown().openapi({ description: 'What was asked.' }),
    cancelRequested: z.boolean().optional(),
    createdAt: z.string(),
    startedAt: z.string().optional(),
    endedAt: z.string().optional(),
  })
  .openapi('Job');

export type WireJob = z.infer<typeof jobAnswerSchema>;

export function toWireJob(job: Job, options: { readonly curve: boolean } = { curve: true }): WireJob {
  const { owner: _owner, attempts: _attempts, curve, ...rest } = job;
  return { ...rest, ...(options.curve ? { curve } : {}) };
}
