/** The job runner port: where jobs are worked on. Adapters: this process (`local-job-runner.ts`), a container for each. */

export interface JobRunner {
  /** Sees to it that the job is run; resolves before it has ended. */
  start(jobId: string): Promise<void>;
}
