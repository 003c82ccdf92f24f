/** Runs the one job that the environment names, and ends. Told to stop, it leaves the job to be resumed from its checkpoint. */

import { runJob } from '#shared/jobs/run-job.ts';
import { composeTrainer } from './compose.ts';
import { readEnvironment } from './env.ts';

const environment = readEnvironment();
const { job, log, close } = await composeTrainer(environment);
const jobId = environment.CHIASM_JOB_ID;

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info('trainer.stopping', { signal, jobId });
    stopping.abort();
  });
}

try {
  log.info('trainer.ended', { jobId, status: await runJob(job, jobId, stopping.signal) });
} finally {
  await close();
}
