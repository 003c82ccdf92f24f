/** A job: a long task with progress. Its record is the only thing that programs share about it. */

import { z } from 'zod';
import type { ErrorCode } from '#shared/core/errors.ts';

export const jobStatusSchema = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);

const metricsSchema = z.record(z.string(), z.number());

export type JobMetrics = Readonly<z.infer<typeof metricsSchema>>;

export const jobSchema = z.object({
  id: z.string(),
  kind: z.string(),
  /** What was asked; the job kind's schema has accepted it. */
  request: z.unknown(),
  status: jobStatusSchema,
  /** 0 to 1. */
  progress: z.number().min(0).max(1),
  /** The newest values: losses while it runs, results at its end. */
  metrics: metricsSchema.optional(),
  /** What was reported on the way, oldest first; thinned out as it grows. `at` counts reports. */
  curve: z.array(z.object({ at: z.int(), values: metricsSchema })),
  failure: z
    .object({
      code: z.string() as z.ZodType<ErrorCode>,
      message: z.string(),
      issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    })
    .optional(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** How often it was begun; more than once after a crash. */
  attempts: z.int(),
  /** Which program works on it. It is dead when it has not renewed its lease. */
  owner: z.object({ name: z.string(), leaseUntilMs: z.number() }).optional(),
  cancelRequested: z.boolean().optional(),
});

export type Job = Readonly<z.infer<typeof jobSchema>>;

export function isEnded(job: Pick<Job, 'status'>): boolean {
  return job.status === 'succeeded' || job.status === 'failed' || job.status === 'cancelled';
}

/** Points that a record keeps of its curve at most. */
const CURVE_POINTS = 400;

/** The curve with new points at its end. Beyond the limit every second of the older points goes. */
export function extendCurve(curve: Job['curve'], points: Job['curve']): Job['curve'] {
  const all = [...curve, ...points];
  if (all.length <= CURVE_POINTS) return all;
  return extendCurve(
    all.filter((_, i) => i % 2 === all.length % 2 || i === all.length - 1),
    [],
  );
}
