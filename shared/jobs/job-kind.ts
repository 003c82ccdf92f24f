/** What a program can do as a job: one table from kind to the schema of its request and the function that does it. */

import type { z } from 'zod';
import type { JobMetrics } from './job.ts';

export interface JobContext {
  readonly jobId: string;
  /** Aborted when the job is cancelled or the program stops. Throw ChiasmError `cancelled` soon after. */
  readonly signal: AbortSignal;
  /** Cheap: call it as often as there is something new. Values become a point of the curve. */
  report(progress: number, values?: JobMetrics): void;
  /** What an earlier attempt saved; undefined at the first. */
  loadCheckpoint(): Promise<Uint8Array | undefined>;
  saveCheckpoint(bytes: Uint8Array): Promise<void>;
}

/** Runs one request to its end; resolves with the results. May be called again after a crash. */
export type RunJobKind<Request> = (request: Request, context: JobContext) => Promise<JobMetrics>;

export interface JobKind {
  readonly schema: z.ZodType;
  readonly run: RunJobKind<unknown>;
}

export type JobKinds = Readonly<Record<string, JobKind>>;

/** An entry of the table; what `run` gets has passed the schema. */
export function defineJobKind<Schema extends z.ZodType>(schema: Schema, run: RunJobKind<z.output<Schema>>): JobKind {
  return { schema, run: (request, context) => run(schema.parse(request), context) };
}
