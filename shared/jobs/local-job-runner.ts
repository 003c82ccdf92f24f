/**
 * Jobs in this process, one after another. It keeps searches going because the heavy work of a job is done by worker
 * threads and by ONNX Runtime's own.
 */

import { toChiasmError } from '#shared/core/errors.ts';
import { isEnded } from './job.ts';
import type { JobRunner } from './job-runner.ts';
import { type RunJobDependencies, runJob } from './run-job.ts';

export interface LocalJobRunner extends JobRunner {
  /** Takes up what an earlier process left waiting or in the middle. */
  resume(): Promise<void>;
  /** Interrupts the job that runs; it goes on at the next `resume`. */
  close(): Promise<void>;
}

export function createLocalJobRunner(deps: RunJobDependencies): LocalJobRunner {
  const stopping = new AbortController();
  let line: Promise<void> = Promise.resolve();
  const runNext = async (jobId: string) => {
    if (stopping.signal.aborted) return;
    try {
      await runJob(deps, jobId, stopping.signal);
    } catch (thrown) {
      deps.log.error('job.left_undone', { jobId, error: toChiasmError(thrown) });
    }
  };
  const start = async (jobId: string) => {
    line = line.then(() => runNext(jobId));
  };
  return {
    start,
    resume: async () => {
      for (const id of [...(await deps.jobs.ids())].reverse()) {
        const job = await deps.jobs.get(id).catch((error) => {
          deps.log.error('job.unreadable', { id, error });
          return undefined;
        });
        if (job !== undefined && !isEnded(job)) await start(id);
      }
    },
    close: async () => {
      stopping.abort();
      await line;
    },
  };
}
