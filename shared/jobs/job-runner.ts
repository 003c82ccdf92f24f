/** The job runner port: where jobs are worked on. Adapters: this process (`local-job-runner.ts`), a container for each. */

export interface JobRunner {
  /**
   * Sees to it that the job is run; resolves before it has ended.
   * @param after names the run that has ended without finishing the job; asked again about the same one, nothing more starts
   */
  start(jobId: string, after?: string): Promise<void>;
}
