/** What becomes of a job whose program has ended: it is started again, and goes on from its checkpoint, or it has failed. */

import type { Clock } from '#shared/core/clock.ts';
import { isEnded, type Job } from './job.ts';
import type { JobRunner } from './job-runner.ts';
import type { JobStore } from './job-store.ts';
import { MAX_ATTEMPTS } from './run-job.ts';

export interface ResumeJobDependencies {
  readonly jobs: Pick<JobStore, 'get' | 'update'>;
  readonly runner: JobRunner;
  readonly clock: Clock;
}

/** A program that worked on a job, or was to. */
export interface EndedRun {
  /** As the job's owner is called. */
  readonly name: string;
  /** It never came to begin; trying again would end the same way. */
  readonly failedToStart: boolean;
  /** It ended by itself and as it should: told to stop, it has left the job to be resumed. */
  readonly orderly: boolean;
  /** For a person. */
  readonly reason: string;
}

/**
 * Started again at most as often as a job may be attempted.
 * @returns the job's state then; undefined without such a job
 */
export async function resumeJob(
  { jobs, runner, clock }: ResumeJobDependencies,
  jobId: string,
  run: EndedRun,
): Promise<Job['status'] | undefined> {
  if ((await jobs.get(jobId)) === undefined) return undefined;
  let start = false;
  const job = await jobs.update(jobId, (current) => {
    const { owner, ...rest } = current;
    const ofAnother = owner !== undefined && owner.name !== run.name && owner.leaseUntilMs > clock.now();
    start = !isEnded(current) && !ofAnother;
    if (!start) return undefined;
    // an owner has counted its attempt; a run that ended before it took the job has not
    const attempts = run.orderly || owner?.name === run.name ? rest.attempts : rest.attempts + 1;
    start = !run.failedToStart && attempts < MAX_ATTEMPTS;
    if (start) return { ...rest, status: 'queued', attempts };
    const message = `the program that was to work on this ended: ${run.reason}`;
    const endedAt = new Date(clock.now()).toISOString();
    return { ...rest, attempts, status: 'failed', failure: { code: 'internal', message }, endedAt };
  });
  if (start) await runner.start(jobId, run.name);
  return job.status;
}
