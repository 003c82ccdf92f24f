/** What the API does with jobs: submit, look, cancel. */

import type { Clock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { isEnded, type Job } from './job.ts';
import type { JobKinds } from './job-kind.ts';
import type { JobRunner } from './job-runner.ts';
import { type JobStore, noSuchJob } from './job-store.ts';

export interface Jobs {
  /** @throws ChiasmError `invalid_request` when the request does not fit its kind */
  submit(kind: string, request: unknown): Promise<Job>;
  get(id: string): Promise<Job | undefined>;
  /** The newest first; `before` is the id of a job to go on after. */
  list(query: { readonly limit: number; readonly before?: string }): Promise<readonly Job[]>;
  /**
   * A job that waits is cancelled at once, one that runs as soon as its owner notices; one that has ended stays as it is.
   * @throws ChiasmError `not_found`
   */
  cancel(id: string): Promise<Job>;
  /** Forgets a job that has ended. @throws ChiasmError `not_found`, `conflict` while it has not ended */
  remove(id: string): Promise<void>;
}

export interface JobsDependencies {
  readonly jobs: JobStore;
  readonly kinds: JobKinds;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly nextId: () => string;
}

export function createJobs({ jobs, kinds, runner, clock, nextId }: JobsDependencies): Jobs {
  const nowIso = () => new Date(clock.now()).toISOString();
  return {
    submit: async (kind, request) => {
      const job: Job = {
        id: nextId(),
        kind,
        request: parseRequest(kinds, kind, request),
        status: 'queued',
        progress: 0,
        curve: [],
        createdAt: nowIso(),
        attempts: 0,
      };
      await jobs.create(job);
      try {
        await runner.start(job.id);
      } catch (thrown) {
        await jobs.remove(job.id); // nobody would ever work on it
        throw thrown;
      }
      return job;
    },
    get: (id) => jobs.get(id),
    list: async ({ limit, before }) => {
      const ids = await jobs.ids();
      const wanted = ids.filter((id) => before === undefined || id < before).slice(0, limit);
      const found = await Promise.all(wanted.map((id) => jobs.get(id)));
      return found.filter((job) => job !== undefined);
    },
    cancel: (id) =>
      jobs.update(id, (job) => {
        if (isEnded(job)) return undefined;
        const owned = job.status === 'running' && (job.owner?.leaseUntilMs ?? 0) > clock.now();
        if (owned) return { ...job, cancelRequested: true };
        const { owner: _owner, ...rest } = job;
        return { ...rest, cancelRequested: true, status: 'cancelled', endedAt: nowIso() };
      }),
    remove: async (id) => {
      const job = await jobs.get(id);
      if (job === undefined) throw noSuchJob(id);
      if (!isEnded(job)) throw new ChiasmError('conflict', `job ${id} is ${job.status}; cancel it first`);
      await jobs.remove(id);
    },
  };
}

/** As it was given: what the schema adds by default is added again when the job runs. */
function parseRequest(kinds: JobKinds, kind: string, request: unknown): unknown {
  const entry = kinds[kind];
  if (entry === undefined) throw new ChiasmError('invalid_request', `there are no jobs of the kind ${kind}`);
  const parsed = entry.schema.safeParse(request);
  if (parsed.success) return request;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: `/${path.join('/')}`, message }));
  const [first] = issues;
  throw new ChiasmError('invalid_request', `${first?.path}: ${first?.message}`, { issues });
}
